// The queues: what waits, what runs, who takes from them. One whose tasks nobody takes stands out, with what to do.
import { Alert, Code, Table, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { count } from "../../format/number";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { Labels } from "./labels";

type Queue = Schema<"QueueView">;

export function Queues() {
  const query = useInfiniteQuery({
    queryKey: ["active", "queues"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/queues", { params: { query: { limit: 200, ...(pageParam === null ? {} : { after: pageParam }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const queues = query.data?.pages.flatMap((page) => page.queues) ?? [];
  if (query.error !== null && query.data === undefined) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  const head = <><Table.Th>Queue</Table.Th><Table.Th>Standing</Table.Th><Table.Th className="number">Waiting</Table.Th><Table.Th>Longest since</Table.Th><Table.Th className="number">Running</Table.Th><Table.Th className="number">Workers</Table.Th></>;
  return (
    <>
      {queues.filter(forsaken).map((queue) => <Forsaken key={keyOf(queue)} queue={queue} />)}
      <Card title="Queues" flush>
        {query.data !== undefined && queues.length === 0 && <EmptyView title="No queues yet"><Text size="sm">They appear with the first DAG.</Text></EmptyView>}
        {queues.length > 0 && (
          <WideTable label="Queues" minWidth={620} head={head}>
            <Table.Tbody>{queues.map((queue) => <QueueRow key={keyOf(queue)} queue={queue} />)}</Table.Tbody>
          </WideTable>
        )}
        <More query={query} of="queues" byHand />
      </Card>
    </>
  );
}

function keyOf({ queue, labels }: Queue): string {
  return `${queue} ${JSON.stringify(labels)}`;
}

/** Something waits and nobody will take it. */
function forsaken({ ready, workers }: Queue): boolean {
  return ready > 0 && workers === 0;
}

function QueueRow({ queue: { queue, labels, ready, waits_since, running, workers } }: { queue: Queue }) {
  return (
    <Table.Tr>
      <Table.Td className="name"><Text size="sm" fw={600} className="clip" title={queue}>{queue}</Text><Labels labels={labels} /></Table.Td>
      <Table.Td>
        {workers === 0 ? <Sign tone={ready > 0 ? "bad" : "warn"}>no worker</Sign> : running > 0 ? <Sign tone="busy">working</Sign> : ready > 0 ? <Sign tone="calm">waiting</Sign> : <Sign tone="good">idle</Sign>}
      </Table.Td>
      <Table.Td className="number">{count(ready)}</Table.Td>
      <Table.Td>{waits_since == null ? <span className="muted">–</span> : <Time at={waits_since} relative />}</Table.Td>
      <Table.Td className="number">{count(running)}</Table.Td>
      <Table.Td className="number">{count(workers)}</Table.Td>
    </Table.Tr>
  );
}

function Forsaken({ queue: { queue, labels, ready, waits_since } }: { queue: Queue }) {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(",");
  const command = `daybreak worker --server ${location.origin} --queues ${queue}${wanted === "" ? "" : ` --labels ${wanted}`}`;
  return (
    <Alert color="red" className="forsaken" title={`No worker takes from the queue ${queue}${wanted === "" ? "" : ` with ${wanted}`}`}>
      <Text size="sm">{ready === 1 ? "One task waits" : `${count(ready)} tasks wait`}{waits_since != null && <>, the longest since <Time at={waits_since} relative /></>}. Start a worker for it, with a token of the role worker:</Text>
      <Code block mt={6}>{command}</Code>
    </Alert>
  );
}
