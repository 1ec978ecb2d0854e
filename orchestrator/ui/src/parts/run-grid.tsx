// Runs × tasks as one picture: a column per run, newest at the left, a row per task. Drawn on a canvas, because ten thousand
// runs of a thousand tasks are more cells than any table holds; only what is seen is drawn. The arrow keys move through it, and
// what is chosen is said in words.
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import type { RunState, TaskState } from "../api/types";
import { TASK_LETTERS } from "../format/letters";
import { between, duration, instant } from "../format/time";
import { STATES } from "../theme";

export interface GridRun {
  id: string;
  state: RunState;
  window_end: string;
  created_at: string;
  started_at?: string | null;
  ended_at?: string | null;
  /** A letter per task, in the order of `tasks` of its page. */
  states: string;
}

export interface GridPage {
  tasks: readonly string[];
  runs: readonly GridRun[];
}

interface Props {
  /** Newest first, as they are read. */
  pages: readonly GridPage[];
  /** Asked for more when the oldest that is there comes near. */
  more?: () => void;
  onChoose: (run: GridRun, task: string | null) => void;
  height?: number;
}

const CELL = 18;
const NAMES = 180;
const HEAD = 64;
/** Columns that are there before more is asked for. */
const AHEAD = 120;

interface Place {
  column: number;
  row: number;
}

interface At extends Place {
  /** Moved there by the keyboard: it is said aloud. */
  byKey?: boolean;
}

export default function RunGrid({ pages, more, onChoose, height = 480 }: Props) {
  const { ref: outer, width } = useElementSize();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useComputedColorScheme("light") === "dark";
  const tasks = useMemo(() => namesOf(pages), [pages]);
  const runs = useMemo(() => rowsOf(pages, tasks), [pages, tasks]);
  const [at, setAt] = useState<At | null>(null);
  const size = { width: NAMES + runs.length * CELL, height: HEAD + tasks.length * CELL };
  const seen = Math.min(height, size.height + 18);

  // What is drawn follows the scroll position without React in between.
  const draw = useRef<() => void>(() => undefined);
  draw.current = () => {
    const [box, picture] = [scroller.current, canvas.current];
    if (box === null || picture === null || width === 0) return;
    paint(picture, { runs, tasks, at, left: box.scrollLeft, top: box.scrollTop, width, height: seen });
    if (runs.length - (box.scrollLeft + width) / CELL < AHEAD) more?.();
  };
  useEffect(() => draw.current(), [runs, tasks, at, width, seen, dark, more]);
  useEffect(() => {
    const box = scroller.current;
    let asked = 0;
    const onScroll = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        draw.current();
      });
    };
    box?.addEventListener("scroll", onScroll, { passive: true });
    return () => box?.removeEventListener("scroll", onScroll);
  }, []);

  function under(event: MouseEvent): Place | null {
    const [box, shape] = [scroller.current, canvas.current?.getBoundingClientRect()];
    if (box === null || shape === undefined) return null;
    const [x, y] = [event.clientX - shape.left, event.clientY - shape.top];
    const column = Math.floor((x - NAMES + box.scrollLeft) / CELL);
    const row = y < HEAD ? -1 : Math.floor((y - HEAD + box.scrollTop) / CELL);
    return x < NAMES || column < 0 || column >= runs.length || row >= tasks.length ? null : { column, row };
  }
  function choose(place: Place | null): void {
    const run = place === null ? undefined : runs[place.column];
    if (place !== null && run !== undefined) onChoose(run.run, tasks[place.row] ?? null);
  }
  function onKeyDown(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    if (event.key === "Enter") choose(at);
    if (step === undefined) return;
    event.preventDefault();
    // The first key shows where one is.
    const to = at === null ? { column: 0, row: 0 } : { column: within(at.column + step.column, 0, runs.length - 1), row: within(at.row + step.row, -1, tasks.length - 1) };
    setAt({ ...to, byKey: true });
    reveal(scroller.current, to, width, seen);
  }

  const said = at === null ? null : words(runs, tasks, at);
  return (
    <div ref={outer} className="run-grid">
      <div
        ref={scroller}
        className="run-grid-scroller"
        style={{ height: seen }}
        tabIndex={0}
        role="application"
        aria-label={`${runs.length} runs, newest first, of ${tasks.length} tasks. Arrow keys move, Enter opens.`}
        onKeyDown={onKeyDown}
        onMouseMove={(event) => setAt(under(event))}
        onMouseLeave={() => setAt(null)}
        onClick={(event) => choose(under(event))}
      >
        <div style={size}><canvas ref={canvas} className="run-grid-canvas" /></div>
      </div>
      <div className="run-grid-words">
        <span role="status">{at?.byKey === true && said}</span>
        {at?.byKey !== true && <span aria-hidden>{said ?? `${runs.length} runs, newest at the left`}</span>}
      </div>
    </div>
  );
}

const STEPS: Record<string, Place> = {
  ArrowRight: { column: 1, row: 0 }, ArrowLeft: { column: -1, row: 0 }, ArrowDown: { column: 0, row: 1 }, ArrowUp: { column: 0, row: -1 },
  PageDown: { column: 0, row: 20 }, PageUp: { column: 0, row: -20 }, Home: { column: -1_000_000, row: 0 }, End: { column: 1_000_000, row: 0 },
};

function within(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function reveal(box: HTMLDivElement | null, { column, row }: Place, width: number, height: number): void {
  if (box === null) return;
  const [left, top] = [column * CELL, Math.max(row, 0) * CELL];
  if (left < box.scrollLeft) box.scrollLeft = left;
  if (left + CELL + NAMES > box.scrollLeft + width) box.scrollLeft = left + CELL + NAMES - width;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + CELL + HEAD > box.scrollTop + height) box.scrollTop = top + CELL + HEAD - height;
}

interface Column {
  run: GridRun;
  /** Per row: the letter. */
  states: string;
  ms: number;
}

/** The tasks of all pages: those of the newest first. */
function namesOf(pages: readonly GridPage[]): string[] {
  return [...new Set(pages.flatMap(({ tasks }) => tasks))];
}

function rowsOf(pages: readonly GridPage[], names: readonly string[]): Column[] {
  const now = Date.now();
  return pages.flatMap(({ tasks, runs }) => {
    const same = tasks.length === names.length && tasks.every((task, place) => task === names[place]);
    const places = same ? null : names.map((name) => tasks.indexOf(name));
    return runs.map((run) => ({
      run,
      states: places === null ? run.states : places.map((place) => (place < 0 ? "." : (run.states[place] ?? "."))).join(""),
      ms: between(run.started_at, run.ended_at, now) ?? 0,
    }));
  });
}

function words(runs: readonly Column[], tasks: readonly string[], { column, row }: Place): string {
  const found = runs[column];
  if (found === undefined) return "";
  const { run, states, ms } = found;
  const head = `Run of ${instant(run.window_end)}: ${STATES[run.state].word}, ${duration(ms)}`;
  const state = TASK_LETTERS[states[row] ?? "."];
  if (row < 0) return head;
  return `${tasks[row] ?? ""}: ${state === undefined ? "not in this run" : STATES[state].word}. ${head}`;
}

interface Picture {
  runs: readonly Column[];
  tasks: readonly string[];
  at: Place | null;
  left: number;
  top: number;
  width: number;
  height: number;
}

function paint(canvas: HTMLCanvasElement, picture: Picture): void {
  const scale = window.devicePixelRatio || 1;
  const { width, height } = picture;
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const colors = colorsOf(canvas);
  context.clearRect(0, 0, width, height);
  paintCells(context, picture, colors);
  paintNames(context, picture, colors);
  paintHead(context, picture, colors);
}

interface Colors {
  surface: string;
  muted: string;
  text: string;
  mark: string;
  states: Map<string, string>;
}

let known: { scheme: string; colors: Colors } | null = null;

function colorsOf(element: HTMLElement): Colors {
  const scheme = document.documentElement.dataset["mantineColorScheme"] ?? "";
  if (known?.scheme === scheme) return known.colors;
  const css = getComputedStyle(element);
  const value = (name: string) => css.getPropertyValue(name).trim();
  const color = (state: TaskState | RunState) => value(STATES[state].color.slice(4, -1));
  const states = new Map(Object.entries(TASK_LETTERS).map(([letter, state]) => [letter, color(state)]));
  for (const state of ["queued", "running", "succeeded", "failed", "cancelled", "skipped"] as const) states.set(state, color(state));
  const colors = { surface: value("--surface"), muted: value("--muted"), text: value("--mantine-color-text"), mark: value("--mantine-primary-color-light"), states };
  known = { scheme, colors };
  return colors;
}

function paintCells(context: CanvasRenderingContext2D, { runs, tasks, at, left, top, width, height }: Picture, { states, mark }: Colors): void {
  const [fromColumn, toColumn] = [Math.floor(left / CELL), Math.min(runs.length, Math.ceil((left + width) / CELL))];
  const [fromRow, toRow] = [Math.floor(top / CELL), Math.min(tasks.length, Math.ceil((top + height - HEAD) / CELL))];
  if (at !== null) {
    context.fillStyle = mark;
    context.fillRect(NAMES + at.column * CELL - left, 0, CELL, height);
    if (at.row >= 0) context.fillRect(0, HEAD + at.row * CELL - top, width, CELL);
  }
  for (let column = fromColumn; column < toColumn; column += 1) {
    const x = NAMES + column * CELL - left + 2;
    const letters = runs[column]?.states ?? "";
    for (let row = fromRow; row < toRow; row += 1) {
      const color = states.get(letters[row] ?? ".");
      if (color === undefined) continue;
      context.fillStyle = color;
      context.fillRect(x, HEAD + row * CELL - top + 2, CELL - 4, CELL - 4);
    }
  }
}

function paintNames(context: CanvasRenderingContext2D, { tasks, at, top, height }: Picture, { surface, text, mark }: Colors): void {
  context.fillStyle = surface;
  context.fillRect(0, 0, NAMES - 4, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (let row = Math.floor(top / CELL); row < Math.min(tasks.length, Math.ceil((top + height) / CELL)); row += 1) {
    const y = HEAD + row * CELL - top;
    if (at?.row === row) {
      context.fillStyle = mark;
      context.fillRect(0, y, NAMES - 4, CELL);
    }
    context.fillStyle = text;
    context.fillText(fitting(context, tasks[row] ?? ""), 8, y + CELL / 2);
  }
}

const FITTED = new Map<string, string>();

/** The name, cut in the middle where it is too long: what differs is often at the end. */
function fitting(context: CanvasRenderingContext2D, name: string): string {
  let text = FITTED.get(name);
  if (text !== undefined) return text;
  text = name;
  for (let kept = name.length; context.measureText(text).width > NAMES - 20 && kept > 4; kept -= 1) {
    text = `${name.slice(0, Math.ceil(kept / 2))}…${name.slice(name.length - Math.floor(kept / 2))}`;
  }
  FITTED.set(name, text);
  return text;
}

function paintHead(context: CanvasRenderingContext2D, { runs, left, width }: Picture, { surface, muted, states }: Colors): void {
  const from = Math.floor(left / CELL);
  const to = Math.min(runs.length, Math.ceil((left + width) / CELL));
  const longest = Math.max(1, ...runs.slice(from, to).map(({ ms }) => ms));
  context.fillStyle = surface;
  context.fillRect(NAMES - 4, 0, width, HEAD - 2);
  context.fillStyle = muted;
  context.font = "11px system-ui, sans-serif";
  for (let column = from; column < to; column += 1) {
    const found = runs[column];
    if (found === undefined) continue;
    const x = NAMES + column * CELL - left;
    const tall = Math.max(3, (found.ms / longest) * (HEAD - 24));
    context.fillStyle = states.get(found.run.state) ?? muted;
    context.fillRect(x + 4, HEAD - 4 - tall, CELL - 8, tall);
    if (column % 8 === 0) {
      context.fillStyle = muted;
      context.fillText(instant(found.run.window_end).split(",")[0] ?? "", x + 2, 9);
    }
  }
  context.fillStyle = surface;
  context.fillRect(0, 0, NAMES - 4, HEAD - 2);
  context.fillStyle = muted;
  context.fillText(`took up to ${duration(longest)}`, 8, HEAD - 14);
}
