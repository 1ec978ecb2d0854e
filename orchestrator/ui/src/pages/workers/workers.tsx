// The workers: what they take, how much of them is in use, what they run and when they were heard of last.
import { Anchor, Badge, Code, Group, Table, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { between, duration } from "../../format/time";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { FirstFew } from "../../parts/first-few";
import { More } from "../../parts/more";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { Labels } from "./labels";

type Worker = Schema<"WorkerView">;

export function Workers() {
  const query = useInfiniteQuery({
    queryKey: ["active", "workers"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/workers", { params: { query: { limit: 100, ...(pageParam === null ? {} : { before: pageParam }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const workers = query.data?.pages.flatMap((page) => page.workers) ?? [];
  if (query.error !== null && query.data === undefined) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  const head = <><Table.Th>Worker</Table.Th><Table.Th>State</Table.Th><Table.Th>Takes from</Table.Th><Table.Th>Slots in use</Table.Th><Table.Th>Runs</Table.Th><Table.Th>Last seen</Table.Th></>;
  return (
    <Card title="Workers" flush>
      {query.data !== undefined && workers.length === 0 && <EmptyView title="No worker is here"><Text size="sm">Nothing runs until one comes: <Code>daybreak up</Code> brings its own, <Code>daybreak worker</Code> is one for another machine.</Text></EmptyView>}
      {workers.length > 0 && (
        <WideTable label="Workers" minWidth={900} head={head}>
          <Table.Tbody>{workers.map((worker) => <WorkerRow key={worker.id} worker={worker} />)}</Table.Tbody>
        </WideTable>
      )}
      <More query={query} of="workers" byHand />
    </Card>
  );
}

const STATES = {
  working: <Sign tone="good">working</Sign>,
  draining: <Sign tone="warn">draining</Sign>,
  lost: <Sign tone="bad">lost</Sign>,
};

const WHAT = {
  working: "It takes work",
  draining: "It takes no more work and ends what it has",
  lost: "It was silent for longer than its lease: what it had is given to others",
};

function WorkerRow({ worker }: { worker: Worker }) {
  const { name, host, version, state, queues, labels, registered_at, seen_at, running } = worker;
  return (
    <Table.Tr>
      <Table.Td className="name">
        <Text size="sm" fw={600} className="clip" title={name}>{name}</Text>
        <Text size="xs" c="dimmed" className="clip" title={host}>{host} · Daybreak {version}</Text>
        <Labels labels={labels} />
      </Table.Td>
      <Table.Td title={WHAT[state]}>{STATES[state]}</Table.Td>
      <Table.Td maw={200}>{queues == null ? <span className="muted">every queue</span> : <Group gap={4}>{queues.map((queue) => <Badge key={queue} variant="light" tt="none" size="sm" title={queue}>{queue}</Badge>)}</Group>}</Table.Td>
      <Table.Td><Slots worker={worker} /></Table.Td>
      <Table.Td>{running.length === 0 ? <span className="muted">nothing</span> : <FirstFew items={running} few={5}>{(few) => <ul className="worker-runs">{few.map((task) => <Running key={`${task.run_id} ${task.task}`} task={task} />)}</ul>}</FirstFew>}</Table.Td>
      <Table.Td><Time at={seen_at} relative /><Text size="xs" c="dimmed" className="line">here since <Time at={registered_at} /></Text></Table.Td>
    </Table.Tr>
  );
}

function Slots({ worker: { light_slots, heavy_slots, running } }: { worker: Worker }) {
  const heavy = running.filter((task) => task.heavy).length;
  return (
    <div className="slots">
      <SlotBar word="light" used={running.length - heavy} of={light_slots} />
      <SlotBar word="heavy" used={heavy} of={heavy_slots} />
    </div>
  );
}

function SlotBar({ word, used, of }: { word: string; used: number; of: number }) {
  return (
    <>
      <span className="muted">{word}</span>
      <span className="slot-bar" aria-hidden><span style={{ width: `${of === 0 ? 0 : Math.min(100, (100 * used) / of)}%` }} /></span>
      <span>{used} of {of}</span>
    </>
  );
}

function Running({ task: { run_id, task, kind, heavy, started_at } }: { task: Schema<"WorkerTask"> }) {
  const now = useNow(1_000);
  const took = between(started_at, null, now);
  return (
    <li>
      <Anchor component={Link} to={`/runs/${run_id}?task=${encodeURIComponent(task)}`} size="sm" className="clip" title={task}>{task}</Anchor>
      <Text component="span" size="xs" c="dimmed" className="line">{kind}{heavy && ", heavy"}{took !== null && `, ${duration(Math.floor(took / 1_000) * 1_000)}`}</Text>
    </li>
  );
}
