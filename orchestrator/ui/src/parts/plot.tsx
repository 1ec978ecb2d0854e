// A plot of lines over time or numbers, that follows its width and the colours of the page. Loaded when it is shown. What it
// shows stands in words beside it, for those who do not see it.
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  label: string;
  /** CSS colour; one of the plot's own where it is left out. */
  color?: string;
  values: (number | null)[];
  points?: boolean;
}

interface Props {
  /** Seconds since 1970, or numbers where `time` is false; ascending. */
  x: number[];
  lines: Line[];
  /** How a value is written. */
  format: (value: number) => string;
  /** Distances between the lines of the axis that read well, ascending; decimal ones where they are left out. */
  steps?: number[];
  /** In words. */
  label: string;
  time?: boolean;
  height?: number;
  /** A click at the place of a value. */
  onChoose?: (place: number) => void;
}

const COLORS = ["#6449d0", "#0c8599", "#d9480f", "#2b8a3e", "#c2255c", "#1971c2", "#e67700", "#5f3dc4"];
const COLORS_ON_DARK = ["#9785de", "#3bc9db", "#ffa94d", "#69db7c", "#f783ac", "#74c0fc", "#ffd43b", "#b197fc"];

export default function Plot({ x, lines, format, steps, label, time = true, height = 220, onChoose }: Props) {
  const { ref, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme("light") === "dark";
  const choose = useRef(onChoose);
  choose.current = onChoose;

  useEffect(() => {
    const element = place.current;
    if (element === null || width === 0) return;
    const palette = dark ? COLORS_ON_DARK : COLORS;
    const css = getComputedStyle(document.documentElement);
    const text = css.getPropertyValue("--muted").trim();
    const rule = { stroke: text, grid: { stroke: css.getPropertyValue("--line").trim(), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const seriesOf = ({ label, color, points = true }: Line, at: number): uPlot.Series => ({
      label,
      stroke: color ?? palette[at % palette.length] ?? text,
      width: 1.75,
      spanGaps: true,
      points: { show: points && x.length < 200, size: 5 },
      value: (_, value) => (value == null ? "–" : format(value)),
    });
    const axis: uPlot.Axis = {
      ...rule,
      // As wide as its longest number.
      size: (_, values) => 16 + 6.2 * Math.max(4, ...(values ?? []).map((value) => value.length)),
      values: (_, ticks) => ticks.map((tick) => format(tick)),
      ...(steps === undefined ? {} : { incrs: steps }),
    };
    const options: uPlot.Options = {
      width,
      height,
      scales: { x: { time } },
      series: [{ label: time ? "at" : "x" }, ...lines.map(seriesOf)],
      axes: [rule, axis],
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true },
    };
    const plot = new uPlot(options, [x, ...lines.map(({ values }) => values)] as uPlot.AlignedData, element);
    const clicked = () => {
      if (plot.cursor.idx != null) choose.current?.(plot.cursor.idx);
    };
    plot.over.addEventListener("click", clicked);
    return () => plot.destroy();
  }, [x, lines, width, height, dark, time, format, steps]);

  return <div ref={ref} role="img" aria-label={label} className="plot"><div ref={place} /></div>;
}
