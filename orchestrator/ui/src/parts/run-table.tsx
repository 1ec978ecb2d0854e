// Runs as a table: where each stands, what it is for, what made it, how long it took and why it ended so. On a narrow page each
// run is two lines.
import { Anchor, Table } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useMemo } from "react";
import { Link } from "react-router";
import type { RunSummary } from "../api/types";
import { TRIGGERS } from "../format/triggers";
import { State, StateDot } from "./state";
import { Time } from "./time";
import { Queued, timesOf, Took } from "./took";
import { WideTable } from "./wide-table";
import { type RowAttributes, WindowRows } from "./window-rows";
import "./run-table.css";

interface Props {
  runs: readonly RunSummary[];
  /** All runs are of one DAG, and this is its zone: without a column for the DAG. */
  ofOneDag?: { zone: string | undefined };
}

export function RunTable({ runs, ofOneDag }: Props) {
  const narrow = useMediaQuery("(max-width: 48em)") ?? false;
  const longest = useMemo(() => longestOf(runs), [runs]);
  const Row = narrow ? NarrowRow : WideRow;
  const heads = narrow ? ["Runs"] : ["State", "Run of", ...(ofOneDag ? [] : ["DAG"]), "Made by", "Started", "Queued", "Took", "Reason"];
  return (
    <WideTable label="Runs" minWidth={narrow ? 0 : 960} head={heads.map((word) => <Table.Th key={word}>{word}</Table.Th>)}>
      <WindowRows
        rows={runs}
        columns={heads.length}
        tall={narrow ? 62 : 37}
        row={(run, attributes) => <Row key={run.id} run={run} ofOneDag={ofOneDag} longest={longest.get(run.dag) ?? 0} attributes={attributes} />}
      />
    </WideTable>
  );
}

interface RowProps {
  run: RunSummary;
  ofOneDag: Props["ofOneDag"];
  longest: number;
  attributes: RowAttributes;
}

function WideRow({ run, ofOneDag, longest, attributes }: RowProps) {
  return (
    <Table.Tr {...attributes}>
      <Table.Td><State state={run.state} /></Table.Td>
      <Table.Td className="nowrap"><RunLink run={run} zone={ofOneDag?.zone} /></Table.Td>
      {ofOneDag === undefined && <Table.Td className="clip run-dag"><Anchor component={Link} to={`/dags/${run.dag}`} title={run.dag} inherit>{run.dag}</Anchor></Table.Td>}
      <Table.Td className="clip run-made-by" title={run.followed ?? undefined}>{TRIGGERS[run.trigger]}</Table.Td>
      <Table.Td className="nowrap"><Time at={run.started_at} relative /></Table.Td>
      <Table.Td className="nowrap"><Queued run={run} /></Table.Td>
      <Table.Td><Took run={run} longest={longest} /></Table.Td>
      <Table.Td className="clip run-reason muted" title={run.reason ?? undefined}>{run.reason}</Table.Td>
    </Table.Tr>
  );
}

function NarrowRow({ run, ofOneDag, longest, attributes }: RowProps) {
  return (
    <Table.Tr {...attributes}>
      <Table.Td className="run-narrow">
        <div className="run-narrow-line">
          {ofOneDag === undefined ? <><StateDot state={run.state} /><span className="clip" title={run.dag}>{run.dag}</span></> : <State state={run.state} />}
          <RunLink run={run} zone={ofOneDag?.zone} />
        </div>
        <div className="run-narrow-line muted">
          <span className="clip">{run.reason ?? TRIGGERS[run.trigger]}</span>
          <Took run={run} longest={longest} />
        </div>
      </Table.Td>
    </Table.Tr>
  );
}

function RunLink({ run, zone }: { run: RunSummary; zone: string | undefined }) {
  return (
    <Anchor component={Link} to={`/runs/${run.id}`} fw={550} inherit>
      <Time at={run.window_end} {...(zone === undefined ? {} : { zone })} />
    </Anchor>
  );
}

/** Per DAG: runs of different ones say nothing beside each other. */
function longestOf(runs: readonly RunSummary[]): Map<string, number> {
  const longest = new Map<string, number>();
  const now = Date.now();
  for (const run of runs) {
    longest.set(run.dag, Math.max(longest.get(run.dag) ?? 0, timesOf(run, now).running));
  }
  return longest;
}
