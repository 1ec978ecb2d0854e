// Where the tasks of a DAG stand: layers from left to right, or from above on a narrow page.
import dagre from "@dagrejs/dagre";

export interface GraphTask {
  name: string;
  kind: string;
  needs: readonly string[];
}

export interface Placed<T extends GraphTask> {
  task: T;
  x: number;
  y: number;
}

export const BOX = { width: 200, height: 52 };

/** Above this a layered layout costs seconds; rows by depth are enough to look at. */
const MOST_LAYERED = 400;

export function placed<T extends GraphTask>(tasks: readonly T[], down: boolean): Placed<T>[] {
  return tasks.length > MOST_LAYERED ? byDepth(tasks, down) : layered(tasks, down);
}

function layered<T extends GraphTask>(tasks: readonly T[], down: boolean): Placed<T>[] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 18, ranksep: down ? 36 : 56 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of tasks) graph.setNode(name, { ...BOX });
  for (const { name, needs } of tasks) for (const need of needs) if (graph.hasNode(need)) graph.setEdge(need, name);
  dagre.layout(graph);
  return tasks.map((task) => {
    const { x = 0, y = 0 } = graph.node(task.name) as { x?: number; y?: number };
    return { task, x: x - BOX.width / 2, y: y - BOX.height / 2 };
  });
}

function byDepth<T extends GraphTask>(tasks: readonly T[], down: boolean): Placed<T>[] {
  const depths = new Map<string, number>();
  const rows = new Map<number, number>();
  return tasks.map((task) => {
    const depth = 1 + Math.max(-1, ...task.needs.map((need) => depths.get(need) ?? -1));
    depths.set(task.name, depth);
    const row = rows.get(depth) ?? 0;
    rows.set(depth, row + 1);
    const [along, across] = [depth * (down ? BOX.height + 40 : BOX.width + 60), row * (down ? BOX.width + 20 : BOX.height + 14)];
    return down ? { task, x: across, y: along } : { task, x: along, y: across };
  });
}
