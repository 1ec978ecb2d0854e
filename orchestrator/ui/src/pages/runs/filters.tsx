// What narrows the list of runs: one DAG, one state.
import { Select } from "@mantine/core";
import { useDagNames } from "../../api/declared";
import type { RunState } from "../../api/types";
import { StateDot } from "../../parts/state";
import { STATES } from "../../theme";

const RUN_STATES: RunState[] = ["queued", "running", "succeeded", "failed", "cancelled", "skipped"];

/** The state that a word of the address names. */
export function stateOf(word: string | null): RunState | null {
  return RUN_STATES.find((state) => state === word) ?? null;
}

export function DagFilter({ dag, onChange }: { dag: string | null; onChange: (dag: string | null) => void }) {
  const names = useDagNames();
  // A DAG that was taken out of the project still has runs.
  const data = dag === null || names.data?.includes(dag) === true ? (names.data ?? []) : [dag, ...(names.data ?? [])];
  return <Select aria-label="DAG" placeholder="All DAGs" data={data} value={dag} onChange={onChange} searchable clearable limit={200} nothingFoundMessage="No such DAG" flex="1 1 10rem" maw={220} />;
}

export function StateFilter({ state, onChange }: { state: RunState | null; onChange: (state: RunState | null) => void }) {
  return (
    <Select
      aria-label="State"
      placeholder="All states"
      data={RUN_STATES.map((value) => ({ value, label: STATES[value].word }))}
      value={state}
      onChange={(value) => onChange(stateOf(value))}
      clearable
      leftSection={state === null ? null : <StateDot state={state} />}
      flex="1 1 9rem" maw={180}
      renderOption={({ option }) => {
        const known = stateOf(option.value);
        return <span className="state">{known !== null && <StateDot state={known} />}{option.label}</span>;
      }}
    />
  );
}
