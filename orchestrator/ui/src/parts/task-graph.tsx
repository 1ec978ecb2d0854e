// The graph of a DAG or of a run: boxes for tasks, with their states live where there are any. Loaded when it is shown.
import { useMediaQuery } from "@mantine/hooks";
import { Background, Controls, type Edge, Handle, MiniMap, type Node, type NodeHandle, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useMemo, useRef } from "react";
import type { TaskState } from "../api/types";
import { STATES } from "../theme";
import { BOX, type GraphTask, placed } from "./graph-layout";
import { StateDot } from "./state";
import "./task-graph.css";

export interface TaskOfGraph extends GraphTask {
  state?: TaskState;
  /** A few words below the name. */
  note?: string;
}

interface Props {
  tasks: readonly TaskOfGraph[];
  chosen?: string | null;
  onChoose?: (task: string) => void;
  height?: number | string;
}

type Box = Node<{ task: TaskOfGraph; down: boolean }, "task">;

const nodeTypes = { task: memo(TaskBox) };

export default function TaskGraph({ tasks, chosen = null, onChoose, height = 420 }: Props) {
  const down = useMediaQuery("(max-width: 48em)") ?? false;
  const shape = tasks.map(({ name, needs }) => `${name}<${needs.join(",")}`).join(";");
  // The layout follows from the shape alone; states come and go in it.
  const places = useMemo(() => new Map(placed(tasks, down).map((place) => [place.task.name, place])), [shape, down]);
  const nodes = useNodes(tasks, places, down, chosen);
  const large = tasks.length > LARGE;
  const edges = useMemo(() => edgesOf(tasks), [shape]);
  return (
    <div style={{ height }} className="task-graph">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        fitView
        fitViewOptions={large ? { maxZoom: 1, minZoom: 0.5, nodes: firstSeen(tasks, chosen) } : { maxZoom: 1, minZoom: 0.2, padding: 0.12 }}
        minZoom={0.02}
        preventScrolling={false}
        onlyRenderVisibleElements={large}
        proOptions={{ hideAttribution: true }}
        onNodesChange={(changes) => {
          // By a click, or by the keyboard: Tab to a box, Enter.
          for (const change of changes) if (change.type === "select" && change.selected) onChoose?.(change.id);
        }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} aria-label="Zoom" />
        {tasks.length > 60 && <MiniMap pannable zoomable ariaLabel="Overview" nodeColor={(node) => colorOf(node as Box)} />}
      </ReactFlow>
    </div>
  );
}

/** Of a larger graph only what is in sight is drawn, and what is looked at first can be read; the overview shows the rest. */
const LARGE = 200;

/** The boxes. One whose task has not changed stays the same object, so that it is not drawn again: a thousand would be, with each change of one. */
function useNodes(tasks: readonly TaskOfGraph[], places: Map<string, { x: number; y: number }>, down: boolean, chosen: string | null): Box[] {
  const known = useRef(new Map<string, Box>());
  const nodes = tasks.map((task) => {
    const { x = 0, y = 0 } = places.get(task.name) ?? {};
    const selected = task.name === chosen;
    const before = known.current.get(task.name);
    const { position, data } = before ?? {};
    if (before !== undefined && data !== undefined && position?.x === x && position.y === y && data.down === down && before.selected === selected && alike(data.task, task)) return before;
    const ariaLabel = `${task.name}, ${task.kind}${task.state === undefined ? "" : `, ${STATES[task.state].word}`}`;
    return { id: task.name, type: "task" as const, position: { x, y }, ...BOX, handles: down ? DOWN : ALONG, data: { task, down }, selected, ariaLabel };
  });
  known.current = new Map(nodes.map((node) => [node.id, node]));
  return nodes;
}

// Where edges meet a box is known: nothing has to be drawn to find out.
const DOWN = [handle("target", Position.Top, BOX.width / 2, 0), handle("source", Position.Bottom, BOX.width / 2, BOX.height)];
const ALONG = [handle("target", Position.Left, 0, BOX.height / 2), handle("source", Position.Right, BOX.width, BOX.height / 2)];

function handle(type: "source" | "target", position: Position, x: number, y: number): NodeHandle {
  return { type, position, x, y, width: 1, height: 1 };
}

function alike(one: TaskOfGraph, other: TaskOfGraph): boolean {
  return one.state === other.state && one.kind === other.kind && one.note === other.note;
}

/** What a large graph is opened at: the chosen task, what runs or has failed, or its beginning. */
function firstSeen(tasks: readonly TaskOfGraph[], chosen: string | null): { id: string }[] {
  const busy = tasks.filter(({ state }) => state === "running" || state === "failed" || state === "ready");
  const seen = chosen === null ? (busy.length > 0 ? busy : tasks).slice(0, 12) : [{ name: chosen }];
  return seen.map(({ name }) => ({ id: name }));
}

function TaskBox({ data: { task, down } }: NodeProps<Box>) {
  const color = task.state === undefined ? "var(--mantine-primary-color-filled)" : STATES[task.state].color;
  return (
    <div className="task-box" style={{ borderLeftColor: color }} title={task.name}>
      <Handle type="target" position={down ? Position.Top : Position.Left} isConnectable={false} />
      <div className="task-box-name">{task.state !== undefined && <StateDot state={task.state} />}<span className="clip">{task.name}</span></div>
      <div className="task-box-note clip">{task.note ?? task.kind}</div>
      <Handle type="source" position={down ? Position.Bottom : Position.Right} isConnectable={false} />
    </div>
  );
}

function edgesOf(tasks: readonly TaskOfGraph[]): Edge[] {
  const names = new Set(tasks.map(({ name }) => name));
  return tasks.flatMap(({ name, needs }) =>
    needs.filter((need) => names.has(need)).map((need) => ({ id: `${need}>${name}`, source: need, target: name, focusable: false })),
  );
}

function colorOf({ data: { task } }: Box): string {
  return task.state === undefined ? "var(--mantine-primary-color-filled)" : STATES[task.state].color;
}
