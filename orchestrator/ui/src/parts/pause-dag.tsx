// Pauses a DAG, or lets it fire again: asks why, which those who look later will read.
import { ActionIcon, Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../api/client";
import { useSession } from "../api/session";
import { Confirm } from "./confirm";

interface Props {
  dag: string;
  paused: boolean;
  /** As an icon, in a list. */
  small?: boolean;
}

export function PauseDag({ dag, paused, small = false }: Props) {
  const [opened, { open, close }] = useDisclosure();
  // What was asked stays what it was while the question closes, whatever the DAG has become.
  const [resumes, setResumes] = useState(paused);
  const { me } = useSession();
  const queries = useQueryClient();
  const verbOf = (of: boolean) => (of ? "Resume" : "Pause");
  const Icon = paused ? IconPlayerPlay : IconPlayerPause;
  const begin = () => {
    setResumes(paused);
    open();
  };

  async function act(note: string): Promise<void> {
    const request = { params: { path: { dag } }, body: { by: me.name, ...(note === "" ? {} : { note }) } };
    await ask(resumes ? api.POST("/api/v1/dags/{dag}/resume", request) : api.POST("/api/v1/dags/{dag}/pause", request));
    await Promise.all([["dag", dag], ["active"], ["audit"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    notifications.show({ message: resumes ? `${dag} fires again` : `${dag} is paused` });
  }

  return (
    <>
      {small ? (
        <ActionIcon variant="subtle" color="gray" aria-label={`${verbOf(paused)} ${dag}`} title={verbOf(paused)} onClick={begin}><Icon size={16} /></ActionIcon>
      ) : (
        <Button variant="default" leftSection={<Icon size={16} aria-hidden />} onClick={begin}>{verbOf(paused)}</Button>
      )}
      <Confirm opened={opened} onClose={close} title={`${verbOf(resumes)} ${dag}`} verb={verbOf(resumes)} reason="optional" act={act}>
        <Text size="sm">
          {resumes
            ? "Its schedules fire again from now on. What they missed meanwhile runs or is left out as `missed` of the schedule says."
            : "It fires nothing until it is resumed. Runs that are active go on, and it can still be run by hand."}
        </Text>
      </Confirm>
    </>
  );
}
