// How long each task takes, as numbers: what the plot shows, also for those who do not see it. A task's name puts it into the plot.
import { Checkbox, Table } from "@mantine/core";
import { useMemo } from "react";
import type { Schema } from "../../api/types";
import { duration } from "../../format/time";
import { WideTable } from "../../parts/wide-table";
import { WindowRows } from "../../parts/window-rows";
import { timesOfTasks } from "./durations";

interface Props {
  durations: Schema<"Durations">;
  chosen: readonly string[];
  onToggle: (task: string) => void;
}

export function TaskTimes({ durations, chosen, onToggle }: Props) {
  const times = useMemo(() => timesOfTasks(durations), [durations]);
  const longest = times[0]?.ran ?? 0;
  const head = (
    <>
      <Table.Th>Task</Table.Th><Table.Th>Half of the runs up to</Table.Th><Table.Th className="number">Median</Table.Th><Table.Th className="number">95 %</Table.Th>
      <Table.Th className="number">Newest</Table.Th><Table.Th className="number">Queued, median</Table.Th>
    </>
  );
  return (
    <WideTable label="Tasks and how long they take" minWidth={720} head={head}>
      <WindowRows rows={times} columns={6} tall={38} row={({ task, ran, ranP95, newest, queued }, attributes) => (
        <Table.Tr key={task} {...attributes}>
          <Table.Td className="name">
            <Checkbox size="xs" label={<span className="clip" title={task}>{task}</span>} aria-label={`Show ${task} in the plot`} checked={chosen.includes(task)} onChange={() => onToggle(task)} />
          </Table.Td>
          <Table.Td className="dag-share-cell"><span className="dag-share" style={{ width: `${longest === 0 || ran === null ? 0 : (100 * ran) / longest}%` }} /></Table.Td>
          <Table.Td className="number">{words(ran)}</Table.Td>
          <Table.Td className="number">{words(ranP95)}</Table.Td>
          <Table.Td className="number">{words(newest)}</Table.Td>
          <Table.Td className="number">{words(queued)}</Table.Td>
        </Table.Tr>
      )} />
    </WideTable>
  );
}

function words(ms: number | null): string {
  return ms === null ? "–" : duration(ms);
}
