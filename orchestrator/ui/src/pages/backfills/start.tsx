// Starts a backfill: which windows of which DAG, how many at once, with which parameters; and what that will be, before it is.
import { Button, Checkbox, Group, Modal, NumberInput, Select, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useNavigate } from "react-router";
import { api, ask } from "../../api/client";
import { useDagNames, useDeclared, zoneOf } from "../../api/declared";
import { useOnceKey } from "../../api/once";
import { type FieldErrors, fieldErrors, NO_ERRORS, paramPointer } from "../../api/refusal";
import type { Schema } from "../../api/types";
import { draftOf } from "../../format/params";
import { ownZone } from "../../format/time";
import { ErrorView } from "../../parts/error-view";
import { WallClock, ZoneSelect } from "../../parts/instant-input";
import { ParamFields } from "../../parts/param-fields";
import { useWrongField } from "../../parts/wrong-field";
import { EMPTY_FORM, type Form, readForm } from "./form";
import { Preview } from "./preview";

interface Props {
  dag: string | null;
  opened: boolean;
  onClose: () => void;
}

export function StartDialog({ dag, opened, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Start a backfill" size="xl" closeButtonProps={{ "aria-label": "Close" }}>
      <StartForm given={dag} onClose={onClose} />
    </Modal>
  );
}

function StartForm({ given, onClose }: { given: string | null; onClose: () => void }) {
  const [dag, setDag] = useState(given);
  const [form, setForm] = useState<Form>(EMPTY_FORM);
  const [tries, setTries] = useState(0);
  const names = useDagNames();
  const declared = useDeclared(dag).data;
  const zone = zoneOf(declared);
  const params = declared?.params ?? [];
  // Until they are touched, fields stand as the DAG says.
  const draft = { ...draftOf(params), ...form.draft };
  const hung = form.zone ?? zone ?? ownZone();
  const whole = { ...form, draft, zone: hung };
  const read = readForm(dag, whole, params);
  const { start, busy, refused, forget } = useStart();
  const formRef = useWrongField(tries, refused);
  const change = (part: Partial<Form>) => {
    setForm({ ...form, ...part });
    forget();
  };
  const error = (pointer: string) => (tries > 0 ? read.errors[pointer] : undefined) ?? refused.fields[pointer];

  function submit(event: FormEvent): void {
    event.preventDefault();
    setTries(tries + 1);
    if (read.request !== null) void start(read.request, [...FIELDS, ...params.map(({ name }) => paramPointer(name))]);
  }

  return (
    <form ref={formRef} onSubmit={submit} noValidate>
      <Stack>
        <Select
          label="DAG"
          required
          searchable
          data={names.data ?? []}
          value={dag}
          onChange={(next) => { setDag(next); change({ draft: {}, zone: null }); }}
          placeholder="Choose one"
          nothingFoundMessage="No such DAG"
          error={error("/dag") ?? (declared !== undefined && declared.schedules.length === 0 ? "This DAG has no schedule, so it has no windows to run." : null)}
        />
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <WallClock label="From" required value={{ wall: form.from, zone: hung }} onChange={({ wall }) => change({ from: wall })} error={error("/from")} />
          <WallClock label="To" description="Not included. Left empty: now." value={{ wall: form.to, zone: hung }} onChange={({ wall }) => change({ to: wall })} error={error("/to")} />
          <ZoneSelect label="Zone of both" value={hung} onChange={(next) => change({ zone: next })} zone={zone} />
        </SimpleGrid>
        <Select
          label="Which windows"
          allowDeselect={false}
          value={form.reprocess}
          onChange={(next) => change({ reprocess: next as Form["reprocess"] })}
          data={WHICH}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <NumberInput label="Runs at once" min={1} max={1_000} allowDecimal={false} value={form.parallel} onChange={(parallel) => change({ parallel })} error={error("/parallel") ?? null} />
          <NumberInput
            label="Priority"
            description="Added to that of each task. Below 0, others go first."
            inputWrapperOrder={["label", "input", "description", "error"]}
            min={-10_000}
            max={10_000}
            allowDecimal={false}
            value={form.priority}
            onChange={(priority) => change({ priority })}
            error={error("/priority") ?? null}
          />
        </SimpleGrid>
        <Checkbox label="The newest windows first" checked={form.backwards} onChange={(event) => change({ backwards: event.currentTarget.checked })} />
        {params.length > 0 && (
          <fieldset className="backfill-params">
            <Text component="legend" fw={600} size="sm">Parameters of every run</Text>
            <ParamFields params={params} draft={draft} errors={Object.fromEntries(params.flatMap(({ name }) => { const word = error(paramPointer(name)); return word === undefined ? [] : [[name, word]]; }))} onChange={(next) => change({ draft: next })} />
          </fieldset>
        )}
        <Textarea label="Note" description="Why, for those who look later" autosize minRows={1} maxLength={500} value={form.note} onChange={(event) => change({ note: event.currentTarget.value })} error={error("/note") ?? null} />
        <Preview request={read.request} zone={zone} />
        {refused.rest !== null && <ErrorView error={refused.rest} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Leave it</Button>
          <Button type="submit" loading={busy} disabled={declared !== undefined && declared.schedules.length === 0}>Start the backfill</Button>
        </Group>
      </Stack>
    </form>
  );
}

const FIELDS = ["/dag", "/from", "/to", "/parallel", "/priority", "/note"];

const WHICH: { value: Form["reprocess"]; label: string }[] = [
  { value: "missing", label: "Those without a run" },
  { value: "failed", label: "Those without a run, and those that failed or were cancelled" },
  { value: "all", label: "All, those that succeeded too" },
];

function useStart() {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<FieldErrors>(NO_ERRORS);
  const onceKey = useOnceKey();
  const queries = useQueryClient();
  const navigate = useNavigate();
  async function start(body: Schema<"BackfillRequest">, fields: string[]): Promise<void> {
    setBusy(true);
    setRefused(NO_ERRORS);
    try {
      const made = await ask(api.POST("/api/v1/backfills", { params: { header: { "idempotency-key": onceKey(body) } }, body }));
      for (const key of ["active", "runs", "audit"]) void queries.invalidateQueries({ queryKey: [key] });
      notifications.show({ message: `A backfill of ${made.dag} has begun` });
      await navigate(`/backfills/${made.id}`);
    } catch (error) {
      setRefused(fieldErrors(error, (pointer) => fields.includes(pointer)));
      setBusy(false);
    }
  }
  return { start, busy, refused, forget: () => setRefused(NO_ERRORS) };
}
