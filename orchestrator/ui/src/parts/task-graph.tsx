// The graph of a DAG or of a run: boxes for tasks, with their states live where there are any. Loaded when it is shown.
import { useMediaQuery } from "@mantine/hooks";
import { Background, Controls, type Edge, Handle, MiniMap, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { memo, useMemo } from "react";
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
  const nodes: Box[] = tasks.map((task) => {
    const { x = 0, y = 0 } = places.get(task.name) ?? {};
    const label = `${task.name}, ${task.kind}${task.state === undefined ? "" : `, ${STATES[task.state].word}`}`;
    return { id: task.name, type: "task", position: { x, y }, ...BOX, data: { task, down }, selected: task.name === chosen, ariaLabel: label };
  });
  const edges = useMemo(() => edgesOf(tasks), [shape]);
  return (
    <div style={{ height }} className="task-graph">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        onNodeClick={(_, node) => onChoose?.(node.id)}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        fitView
        fitViewOptions={{ maxZoom: 1, minZoom: 0.2, padding: 0.12 }}
        minZoom={0.02}
        preventScrolling={false}
        onlyRenderVisibleElements={tasks.length > 200}
        proOptions={{ hideAttribution: true }}
        onNodesChange={(changes) => {
          // The keyboard chooses too: Tab to a box, Enter.
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
