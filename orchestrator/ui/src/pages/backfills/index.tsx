// Backfills, newest first, each with how far it is; and the dialog that starts one, which is open at `?start=1&dag=…`.
import { Anchor, Button, Table } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { IconPlus } from "@tabler/icons-react";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { Schema } from "../../api/types";
import { duration } from "../../format/time";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card, Loaded, Page } from "../../parts/page";
import { Time } from "../../parts/time";
import { VirtualRows, type Measure, WideTable } from "../../parts/wide-table";
import { BackfillSign, Progress, RangeOf } from "../backfill/progress";
import { StartDialog } from "./start";

const COLUMNS = ["Backfill", "State", "Range", "Progress", "Left", "Created"];

export default function BackfillsPage() {
  const [words, choose] = useAddress();
  const { may } = useSession();
  const start = may("operator") && <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => choose({ start: "1" })}>Start a backfill</Button>;
  return (
    <Page title="Backfills" actions={start}>
      <Backfills />
      {may("operator") && <StartDialog dag={words.get("dag")} opened={words.get("start") !== null} onClose={() => choose({ start: null, dag: null })} />}
    </Page>
  );
}

function Backfills() {
  const backfills = useInfiniteQuery({
    queryKey: ["active", "backfills"],
    initialPageParam: "",
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/backfills", { params: { query: pageParam === "" ? {} : { before: pageParam } } })),
    getNextPageParam: (page) => page.next ?? undefined,
  });
  if (backfills.data === undefined) return <Loaded query={backfills} height={240}>{() => null}</Loaded>;
  const shown = backfills.data.pages.flatMap((page) => page.backfills);
  return (
    <Card flush>
      {backfills.error !== null && <ErrorView error={backfills.error} again={() => void backfills.refetch()} />}
      {shown.length === 0 ? (
        <EmptyView title="No backfills yet">A backfill runs the windows of a DAG that are over: those that were missed, or all of them again.</EmptyView>
      ) : (
        <WideTable label="Backfills" minWidth={860} head={COLUMNS.map((word) => <Table.Th key={word}>{word}</Table.Th>)}>
          <VirtualRows rows={shown} columns={COLUMNS.length} height={62} draw={(backfill, _, measure) => <Row key={backfill.id} backfill={backfill} measure={measure} />} />
        </WideTable>
      )}
      <More query={backfills} of="backfills" />
    </Card>
  );
}

function Row({ backfill, measure }: { backfill: Schema<"BackfillView">; measure: Measure }) {
  const { id, dag, by, note, left_s, created_at, state } = backfill;
  return (
    <Table.Tr {...measure}>
      <Table.Td className="name">
        <Anchor component={Link} to={`/backfills/${id}`} fw={600} className="clip" title={dag}>{dag}</Anchor>
        <span className="muted clip" title={note ?? ""}>{note ?? `by ${by}`}</span>
      </Table.Td>
      <Table.Td><BackfillSign state={state} /></Table.Td>
      <Table.Td><RangeOf backfill={backfill} /></Table.Td>
      <Table.Td miw={190}><Progress backfill={backfill} /></Table.Td>
      <Table.Td>{state === "running" && left_s != null ? duration(left_s * 1_000) : <span className="muted">–</span>}</Table.Td>
      <Table.Td><Time at={created_at} relative /></Table.Td>
    </Table.Tr>
  );
}
