// Pauses a DAG, or lets it fire again: asks why, which those who look later will read.
import { ActionIcon, Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
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
  const { me } = useSession();
  const queries = useQueryClient();
  const [verb, Icon] = paused ? (["Resume", IconPlayerPlay] as const) : (["Pause", IconPlayerPause] as const);

  async function act(note: string): Promise<void> {
    const request = { params: { path: { dag } }, body: { by: me.name, ...(note === "" ? {} : { note }) } };
    await ask(paused ? api.POST("/api/v1/dags/{dag}/resume", request) : api.POST("/api/v1/dags/{dag}/pause", request));
    await Promise.all([["dag", dag], ["active"], ["audit"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    notifications.show({ message: paused ? `${dag} fires again` : `${dag} is paused` });
  }

  return (
    <>
      {small ? (
        <ActionIcon variant="subtle" color="gray" aria-label={`${verb} ${dag}`} title={verb} onClick={open}><Icon size={16} /></ActionIcon>
      ) : (
        <Button variant="default" leftSection={<Icon size={16} aria-hidden />} onClick={open}>{verb}</Button>
      )}
      <Confirm opened={opened} onClose={close} title={`${verb} ${dag}`} verb={verb} reason="optional" act={act}>
        <Text size="sm">
          {paused
            ? "Its schedules fire again from now on. What they missed meanwhile runs or is left out as `missed` of the schedule says."
            : "It fires nothing until it is resumed. Runs that are active go on, and it can still be run by hand."}
        </Text>
      </Confirm>
    </>
  );
}
