// When each task of a run was queued and when it ran, attempt by attempt, under one axis of time; a line for now while the run
// goes on. Only the rows that are seen are in the page. What it draws is worked out in `gantt-rows.ts`.
import { ActionIcon, Group, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconZoomIn, IconZoomOut } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import { useNow } from "../../parts/now";
import { Loaded } from "../../parts/page";
import { StateDot } from "../../parts/state";
import { STATES } from "../../theme";
import { useAttempts } from "./attempts";
import { type Piece, pieceWords, type Row, rowsOf, rowWords, type Span, spanOf, ticksOf, tickWord } from "./gantt-rows";
import { hasEnded } from "./head";
import type { ViewProps } from "./views";
import "./gantt.css";

const ROW = 28;
const HEAD = 28;
const MOST_ZOOM = 256;
/** Between two marks of the axis. */
const TICK_PX = 84;

export default function Gantt(props: ViewProps) {
  const attempts = useAttempts(props.run.id);
  return <Loaded query={attempts} height={360}>{(known) => <Chart {...props} attempts={known} />}</Loaded>;
}

function Chart({ run, attempts, chosen, onChoose }: ViewProps & { attempts: Parameters<typeof rowsOf>[1] }) {
  const [zoom, setZoom] = useState(1);
  const goes = !hasEnded(run);
  const now = useNow(goes ? 1_000 : null);
  const rows = useMemo(() => rowsOf(run, attempts), [run, attempts]);
  const span = spanOf(run, rows, now);
  return (
    <>
      <Group className="gantt-tools" gap="md">
        <Legend />
        <Group gap={4} ml="auto">
          <ActionIcon size="sm" variant="default" aria-label="Less of the time: zoom out" disabled={zoom === 1} onClick={() => setZoom(zoom / 2)}><IconZoomOut size={15} /></ActionIcon>
          <Text size="xs" w={34} ta="center" role="status" aria-label="Zoom">{zoom}×</Text>
          <ActionIcon size="sm" variant="default" aria-label="More of the time: zoom in" disabled={zoom === MOST_ZOOM} onClick={() => setZoom(zoom * 2)}><IconZoomIn size={15} /></ActionIcon>
        </Group>
      </Group>
      <Lanes rows={rows} span={span} now={goes ? now : null} zoom={zoom} chosen={chosen} onChoose={onChoose} />
    </>
  );
}

function Legend() {
  return (
    <Group gap="sm" className="gantt-legend">
      <span><i className="gantt-piece gantt-queued" style={{ background: STATES.ready.color }} /> queued</span>
      <span><i className="gantt-piece" style={{ background: STATES.succeeded.color }} /> ran, in the colour of its end</span>
      <span><i className="gantt-piece gantt-waited" style={{ background: STATES.deferred.color }} /> waited</span>
    </Group>
  );
}

interface LanesProps {
  rows: Row[];
  span: Span;
  /** None: the run has ended. */
  now: number | null;
  zoom: number;
  chosen: string | null;
  onChoose: (task: string) => void;
}

function Lanes({ rows, span, now, zoom, chosen, onChoose }: LanesProps) {
  const box = useRef<HTMLDivElement>(null);
  const { ref, width } = useElementSize();
  const names = width < 520 ? 120 : 210;
  const lane = Math.max(60, width - names - 24) * zoom;
  const seen = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12, paddingStart: HEAD });
  const x = (at: number) => ((at - span.from) / (span.to - span.from)) * lane;
  const ticks = ticksOf(span, ((span.to - span.from) / lane) * TICK_PX);
  const vars = { "--names": `${names}px`, width: names + lane + 24, height: seen.getTotalSize() } as CSSProperties;
  useEffect(() => {
    // A long run is opened where something happens.
    const first = now === null ? -1 : rows.findIndex(({ task }) => task.state === "running");
    if (first > 8) seen.scrollToIndex(first - 4, { align: "start" });
    // Once: what is looked at afterwards is for people to say.
  }, []);
  return (
    <div ref={ref}>
      <div ref={box} className="gantt" style={{ maxHeight: "min(68vh, 660px)" }} tabIndex={0} role="region" aria-label="Gantt chart: scrolls">
        <div className="gantt-canvas" style={vars}>
          <div className="gantt-axis" aria-hidden>
            {ticks.map((tick) => <span key={tick} style={{ left: names + x(span.from + tick) }}>{tickWord(tick)}</span>)}
          </div>
          {ticks.map((tick) => <i key={tick} className="gantt-tick" style={{ left: names + x(span.from + tick) }} />)}
          <ul>
            {seen.getVirtualItems().map(({ index, start }) => {
              const row = rows[index];
              return row === undefined ? null : <Lane key={row.task.name} row={row} top={start} x={x} now={now ?? span.to} chosen={row.task.name === chosen} onChoose={onChoose} />;
            })}
          </ul>
          {now !== null && <i className="gantt-now" title="Now" style={{ left: names + x(now) }} />}
        </div>
      </div>
    </div>
  );
}

interface LaneProps {
  row: Row;
  top: number;
  x: (at: number) => number;
  now: number;
  chosen: boolean;
  onChoose: (task: string) => void;
}

function Lane({ row, top, x, now, chosen, onChoose }: LaneProps) {
  const { task, pieces } = row;
  return (
    <li className={chosen ? "gantt-row gantt-chosen" : "gantt-row"} style={{ transform: `translateY(${top}px)` }} onClick={() => onChoose(task.name)}>
      <button type="button" className="gantt-name" aria-label={rowWords(row, now)} aria-pressed={chosen} title={task.name}>
        <StateDot state={task.state} /><span className="clip">{task.name}</span>
      </button>
      <span className="gantt-lane" aria-hidden>
        {pieces.map((piece, place) => <Bar key={place} piece={piece} x={x} now={now} />)}
      </span>
    </li>
  );
}

function Bar({ piece, x, now }: { piece: Piece; x: (at: number) => number; now: number }) {
  const { what, from, to, state } = piece;
  const left = x(from);
  const width = Math.max(what === "ran" ? 3 : 0, x(to ?? now) - left);
  if (width < 0.5) return null;
  const className = `gantt-piece gantt-${what}${to === null && state === "running" ? " breathes" : ""}`;
  return <i className={className} title={pieceWords(piece, now)} style={{ left, width, background: STATES[state].color }} />;
}
