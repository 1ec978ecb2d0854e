// Where the model's aliases have pointed: who or what moved them, when and why.
import { Anchor, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { AliasBadge, VersionLink } from "../models/metrics";
import { type Model, type Move, useMoves } from "./use-model";

export function AliasMoves({ model: { name } }: { model: Model }) {
  const query = useMoves(name);
  const moves = query.data?.pages.flatMap((page) => page.moves) ?? [];
  if (query.error !== null && query.data === undefined) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  if (query.data !== undefined && moves.length === 0) {
    return <Card title="Alias history"><EmptyView title="No alias has pointed anywhere yet"><Text size="sm">A task of the kind promote moves one, or somebody by hand.</Text></EmptyView></Card>;
  }
  const head = <><Table.Th>Moved</Table.Th><Table.Th>Alias</Table.Th><Table.Th>From</Table.Th><Table.Th>To</Table.Th><Table.Th>As of</Table.Th><Table.Th>By</Table.Th><Table.Th>Reason</Table.Th></>;
  return (
    <Card title="Alias history" flush>
      <WideTable label="Alias history" minWidth={760} head={head}>
        <Table.Tbody>{moves.map((move) => <MoveRow key={`${move.moved_at} ${move.alias} ${move.to}`} model={name} move={move} />)}</Table.Tbody>
      </WideTable>
      <More query={query} of="moves" byHand />
    </Card>
  );
}

function MoveRow({ model, move: { alias, from, to, as_of, run_id, by, reason, moved_at } }: { model: string; move: Move }) {
  return (
    <Table.Tr>
      <Table.Td><Time at={moved_at} seconds /></Table.Td>
      <Table.Td><AliasBadge alias={alias} /></Table.Td>
      <Table.Td>{from == null ? <span className="muted">nowhere</span> : <VersionLink model={model} version={from} />}</Table.Td>
      <Table.Td><VersionLink model={model} version={to} />{from != null && to < from && <Text component="span" size="xs" c="dimmed"> back</Text>}</Table.Td>
      <Table.Td><Time at={as_of} /></Table.Td>
      <Table.Td>{run_id == null ? (by ?? "by hand") : <Anchor component={Link} to={`/runs/${run_id}`} size="sm">a run</Anchor>}</Table.Td>
      <Table.Td maw={420}>{reason ?? <span className="muted">–</span>}</Table.Td>
    </Table.Tr>
  );
}
