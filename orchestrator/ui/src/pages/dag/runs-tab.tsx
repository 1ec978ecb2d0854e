// The runs of a DAG as a list.
import { Anchor, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import { zoneOf } from "../../api/declared";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { More } from "../../parts/more";
import { Card, Loaded } from "../../parts/page";
import { RunTable } from "../../parts/run-table";
import { StateFilter, stateOf } from "../runs/filters";
import { useRuns } from "../runs/use-runs";
import type { Dag } from ".";

export function RunsTab({ dag }: { dag: Dag }) {
  const [words, choose] = useAddress();
  const state = stateOf(words.get("show"));
  const { runs, newest, older } = useRuns(dag.name, state);
  return (
    <Card flush>
      <Group justify="space-between" className="dag-tools">
        <StateFilter state={state} onChange={(chosen) => choose({ show: chosen })} />
        <Anchor component={Link} to={`/runs?dag=${encodeURIComponent(dag.name)}`} size="sm">Among all runs</Anchor>
      </Group>
      <Loaded query={newest} height={320}>
        {() => (runs.length === 0 ? <NoRuns filtered={state !== null} /> : <><RunTable runs={runs} ofOneDag={{ zone: zoneOf(dag) }} /><More query={older} of="runs" /></>)}
      </Loaded>
    </Card>
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  return <EmptyView title={filtered ? "No such runs" : "No runs yet"}><Text size="sm">{filtered ? "Choose another state." : "Trigger it, or wait for its schedule."}</Text></EmptyView>;
}
