// All runs, the newest first: filtered by DAG and state (in the address), live.
import { Group, Text } from "@mantine/core";
import type { RunState } from "../../api/types";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { More } from "../../parts/more";
import { Card, Loaded, Page } from "../../parts/page";
import { RunTable } from "../../parts/run-table";
import { DagFilter, StateFilter, stateOf } from "./filters";
import { useRuns } from "./use-runs";

export default function RunsPage() {
  const [words, choose] = useAddress();
  const dag = words.get("dag");
  const state = stateOf(words.get("state"));
  return (
    <Page title="Runs" actions={<Filters dag={dag} state={state} choose={choose} />}>
      <Card flush><Runs dag={dag} state={state} /></Card>
    </Page>
  );
}

interface Filter {
  dag: string | null;
  state: RunState | null;
}

function Filters({ dag, state, choose }: Filter & { choose: (choice: Record<string, string | null>) => void }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <DagFilter dag={dag} onChange={(chosen) => choose({ dag: chosen })} />
      <StateFilter state={state} onChange={(chosen) => choose({ state: chosen })} />
    </Group>
  );
}

function Runs({ dag, state }: Filter) {
  const { runs, newest, older } = useRuns(dag, state);
  return (
    <Loaded query={newest} height={400}>
      {() => (runs.length === 0 ? <NoRuns filtered={dag !== null || state !== null} /> : <><RunTable runs={runs} /><More query={older} of="runs" /></>)}
    </Loaded>
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  return (
    <EmptyView title={filtered ? "No such runs" : "No runs yet"}>
      <Text size="sm">{filtered ? "No run fits the filter. Choose another DAG or state." : "Runs come when a schedule fires, or when somebody triggers a DAG."}</Text>
    </EmptyView>
  );
}
