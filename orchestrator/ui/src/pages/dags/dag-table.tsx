// The DAGs as rows. The last runs of a DAG are read once its row is seen, and again when something of that DAG has changed.
import { ActionIcon, Anchor, Badge, Group, Table, VisuallyHidden } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBolt } from "@tabler/icons-react";
import { Link } from "react-router";
import { useSession } from "../../api/session";
import type { DagView } from "../../api/types";
import { zoneOf } from "../../api/declared";
import { LastRuns } from "../../parts/last-runs";
import { Occasions } from "../../parts/occasions";
import { PauseDag } from "../../parts/pause-dag";
import { State } from "../../parts/state";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { type RowAttributes, WindowRows } from "../../parts/window-rows";
import "./dags.css";

export function DagTable({ dags }: { dags: DagView[] }) {
  const narrow = useMediaQuery("(max-width: 48em)") ?? false;
  const acts = useSession().may("operator");
  const Row = narrow ? NarrowRow : WideRow;
  const heads = narrow ? ["DAG"] : ["DAG", "Last runs", "Newest run", "Schedule", "Next firing"];
  return (
    <WideTable
      label="DAGs"
      minWidth={narrow ? 0 : 860}
      head={<>{heads.map((word) => <Table.Th key={word}>{word}</Table.Th>)}{acts && !narrow && <Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th>}</>}
    >
      <WindowRows rows={dags} columns={heads.length + 1} tall={narrow ? 100 : 46} row={(dag, attributes) => <Row key={dag.name} dag={dag} acts={acts} attributes={attributes} />} />
    </WideTable>
  );
}

interface RowProps {
  dag: DagView;
  acts: boolean;
  attributes: RowAttributes;
}

function WideRow({ dag, acts, attributes }: RowProps) {
  return (
    <Table.Tr {...attributes} className="dag-row">
      <Table.Td className="dag-name"><Name dag={dag} /></Table.Td>
      <Table.Td className="dag-bars"><LastRuns dag={dag.name} many={15} /></Table.Td>
      <Table.Td className="nowrap"><Newest dag={dag} /></Table.Td>
      <Table.Td className="dag-occasions"><Occasions dag={dag} /></Table.Td>
      <Table.Td className="nowrap"><Next dag={dag} /></Table.Td>
      {acts && <Table.Td><Actions dag={dag} /></Table.Td>}
    </Table.Tr>
  );
}

function NarrowRow({ dag, acts, attributes }: RowProps) {
  return (
    <Table.Tr {...attributes} className="dag-row">
      <Table.Td className="dag-narrow">
        <div className="dag-narrow-line"><Name dag={dag} />{acts && <Actions dag={dag} />}</div>
        <div className="dag-narrow-line"><LastRuns dag={dag.name} many={20} />{dag.active_runs > 0 && <span className="nowrap"><Active dag={dag} /></span>}</div>
        <div className="dag-narrow-line muted"><Occasions dag={dag} />{dag.next.length > 0 && <span className="nowrap"><Next dag={dag} /></span>}</div>
      </Table.Td>
    </Table.Tr>
  );
}

function Name({ dag: { name, paused } }: { dag: DagView }) {
  return (
    <Group gap="xs" wrap="nowrap" miw={0}>
      <Anchor component={Link} to={`/dags/${name}`} className="clip" title={name} fw={600} inherit>{name}</Anchor>
      {paused != null && <Badge variant="light" color="orange" tt="none" title={paused.note ?? undefined} style={{ flexShrink: 0 }}>paused</Badge>}
    </Group>
  );
}

function Newest({ dag: { name, last_run: run, active_runs } }: { dag: DagView }) {
  if (run == null) return <span className="muted">none yet</span>;
  return (
    <Group gap="xs" wrap="nowrap">
      <Anchor component={Link} to={`/runs/${run.id}`} inherit underline="never"><State state={run.state} /></Anchor>
      {active_runs > 0 ? <Active dag={{ name, active_runs }} /> : <span className="muted"><Time at={run.ended_at ?? run.started_at ?? run.created_at} relative /></span>}
    </Group>
  );
}

function Next({ dag }: { dag: DagView }) {
  const zone = zoneOf(dag);
  if (dag.paused != null) return <span className="muted">paused</span>;
  return <Time at={dag.next[0]} {...(zone === undefined ? {} : { zone })} />;
}

/** Of those that have not ended, how many there are says more than when the newest began. */
function Active({ dag: { name, active_runs } }: { dag: Pick<DagView, "name" | "active_runs"> }) {
  return <Anchor component={Link} to={`/runs?dag=${encodeURIComponent(name)}`} inherit>{active_runs.toLocaleString("en")} active<VisuallyHidden> runs of {name}</VisuallyHidden></Anchor>;
}

function Actions({ dag: { name, paused } }: { dag: DagView }) {
  return (
    <Group gap={2} wrap="nowrap" justify="flex-end">
      <ActionIcon component={Link} to={`/dags/${name}?tab=overview&trigger=1`} variant="subtle" color="gray" aria-label={`Trigger ${name}`} title="Trigger"><IconBolt size={16} /></ActionIcon>
      <PauseDag dag={name} paused={paused != null} small />
    </Group>
  );
}
