// The tabs of a run. Which one is open stands in the address; only that one is drawn, and heavy ones are loaded with it.
import { Skeleton, Tabs } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useDeferredValue } from "react";
import type { RunDetail } from "../../api/types";
import { useAddress } from "../../parts/address";
import { Card } from "../../parts/page";
import { Lineage } from "./lineage";
import { Tasks } from "./tasks";
import { RunValues } from "./values";
import { WhyTab } from "./why";

const TaskGraph = lazy(() => import("../../parts/task-graph"));
const Gantt = lazy(() => import("./gantt"));

export interface ViewProps {
  run: RunDetail;
  zone: string | undefined;
  chosen: string | null;
  onChoose: (task: string) => void;
}

const VIEWS: { name: string; word: string; draw: (props: ViewProps) => ReactNode }[] = [
  { name: "graph", word: "Graph", draw: Graph },
  { name: "gantt", word: "Gantt", draw: (props) => <Card flush><Gantt {...props} /></Card> },
  { name: "tasks", word: "Tasks", draw: (props) => <Tasks {...props} /> },
  { name: "lineage", word: "Lineage", draw: (props) => <Lineage {...props} /> },
  { name: "values", word: "Values", draw: (props) => <RunValues {...props} /> },
  { name: "why", word: "Why", draw: (props) => <WhyTab {...props} /> },
];

export function Views(props: ViewProps) {
  const [words, choose] = useAddress();
  const tab = words.get("tab") ?? "graph";
  const open = VIEWS.find(({ name }) => name === tab) ?? VIEWS[0];
  // What is typed and clicked goes before the drawing of a thousand changed boxes.
  const run = useDeferredValue(props.run);
  return (
    <Tabs value={open?.name ?? null} onChange={(name) => choose({ tab: name === "graph" ? null : name })} keepMounted={false} className="run-views">
      <Tabs.List mb="sm" className="run-tabs">
        {VIEWS.map(({ name, word }) => <Tabs.Tab key={name} value={name}>{word}</Tabs.Tab>)}
      </Tabs.List>
      {VIEWS.map(({ name, draw }) => (
        <Tabs.Panel key={name} value={name}>
          <Suspense fallback={<Skeleton height={360} role="status" aria-label="Loading" />}>{name === open?.name && draw({ ...props, run })}</Suspense>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function Graph({ run, chosen, onChoose }: ViewProps) {
  const tasks = run.tasks.map(({ name, kind, needs, state, items }) => {
    const note = items == null ? kind : `${kind} · ${items.succeeded} of ${items.items} items`;
    return { name, kind, needs, state, note };
  });
  return <Card flush><TaskGraph tasks={tasks} chosen={chosen} onChoose={onChoose} height={heightOf(tasks.length)} /></Card>;
}

/** A small graph needs no tall place. */
function heightOf(tasks: number): number | string {
  return tasks <= 4 ? 300 : tasks <= 20 ? 420 : "min(70vh, 680px)";
}
