// Starts a run of a DAG by hand: T and the DAG's parameters, each in a field of its kind. What is wrong stands at its field,
// whether this page or the server has found it. Afterwards it goes to the run.
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useNavigate } from "react-router";
import { api, ask } from "../api/client";
import { useDeclared, zoneOf } from "../api/declared";
import { useOnceKey } from "../api/once";
import { fieldErrors, NO_ERRORS, paramPointer } from "../api/refusal";
import type { Schema } from "../api/types";
import { type Draft, draftOf, readDraft } from "../format/params";
import { ownZone } from "../format/time";
import { instantOf, type Moment } from "../format/zone";
import { ErrorView } from "./error-view";
import { InstantInput } from "./instant-input";
import { Loaded } from "./page";
import { ParamFields } from "./param-fields";
import { useWrongField } from "./wrong-field";

interface Props {
  dag: string;
  opened: boolean;
  onClose: () => void;
}

export default function TriggerDialog({ dag, opened, onClose }: Props) {
  const declared = useDeclared(opened ? dag : null);
  return (
    <Modal opened={opened} onClose={onClose} title={`Run ${dag} now`} size="lg" closeButtonProps={{ "aria-label": "Close" }}>
      <Loaded query={declared} height={240}>{(detail) => <TriggerForm key={detail.version} dag={detail} onClose={onClose} />}</Loaded>
    </Modal>
  );
}

function TriggerForm({ dag, onClose }: { dag: Schema<"DagDetail">; onClose: () => void }) {
  const zone = zoneOf(dag);
  const [at, setAt] = useState<Moment>({ wall: "", zone: zone ?? ownZone() });
  const [draft, setDraft] = useState<Draft>(() => draftOf(dag.params));
  const [tries, setTries] = useState(0);
  const { send, busy, refused, forget } = useTrigger(dag.name, dag.params.map(({ name }) => name), onClose);
  const form = useWrongField(tries, refused);
  const read = readDraft(dag.params, draft);
  const said = Object.fromEntries(dag.params.flatMap(({ name }) => {
    const word = (tries > 0 ? read.errors[name] : undefined) ?? refused.fields[paramPointer(name)];
    return word === undefined ? [] : [[name, word]];
  }));
  const wrong = Object.keys(said).length + (refused.fields["/at"] === undefined ? 0 : 1);

  function submit(event: FormEvent): void {
    event.preventDefault();
    setTries(tries + 1);
    if (Object.keys(read.errors).length > 0) return;
    const instant = instantOf(at);
    void send({ params: read.params, ...(instant === null ? {} : { at: instant }) });
  }

  return (
    <form ref={form} onSubmit={submit} noValidate>
      <Stack>
        <Standing dag={dag} />
        <ParamFields params={dag.params} draft={draft} errors={said} onChange={(next) => { setDraft(next); forget(); }} />
        {dag.params.length === 0 && <Text size="sm" c="dimmed">This DAG takes no parameters.</Text>}
        <InstantInput
          label="T"
          description="The end of its window. Left empty: now, in business time."
          value={at}
          onChange={(next) => { setAt(next); forget(); }}
          zone={zone}
          error={refused.fields["/at"]}
        />
        {refused.rest !== null && <ErrorView error={refused.rest} />}
        <Group justify="flex-end">
          {wrong > 0 && <Text size="sm" c="red" role="status" flex={1}>{wrong === 1 ? "One field needs another value." : `${wrong} fields need other values.`}</Text>}
          <Button variant="default" onClick={onClose}>Leave it</Button>
          <Button type="submit" loading={busy}>Run it</Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What one should know before: whether it will wait. */
function Standing({ dag }: { dag: Schema<"DagDetail"> }) {
  const words = [];
  if (dag.paused != null) words.push("This DAG is paused; runs by hand go on all the same.");
  if (dag.active_runs > 0) words.push(`${dag.active_runs === 1 ? "One run" : `${dag.active_runs.toLocaleString("en")} runs`} of it ${dag.active_runs === 1 ? "has" : "have"} not ended; this one may wait for its turn.`);
  return words.length === 0 ? null : <Text size="sm" c="dimmed">{words.join(" ")}</Text>;
}

function useTrigger(dag: string, params: string[], onClose: () => void) {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState(NO_ERRORS);
  const onceKey = useOnceKey();
  const queries = useQueryClient();
  const navigate = useNavigate();
  async function send(body: Schema<"TriggerRequest">): Promise<void> {
    setBusy(true);
    setRefused(NO_ERRORS);
    try {
      const header = { "idempotency-key": onceKey([dag, body]) };
      const { run_id } = await ask(api.POST("/api/v1/dags/{dag}/runs", { params: { path: { dag }, header }, body }));
      for (const key of ["runs", "active"]) void queries.invalidateQueries({ queryKey: [key] });
      void queries.invalidateQueries({ queryKey: ["dag", dag] });
      notifications.show({ message: `A run of ${dag} has begun` });
      onClose();
      await navigate(`/runs/${run_id}`);
    } catch (error) {
      setRefused(fieldErrors(error, (pointer) => pointer === "/at" || params.some((name) => paramPointer(name) === pointer)));
      setBusy(false);
    }
  }
  return { send, busy, refused, forget: () => setRefused(NO_ERRORS) };
}
