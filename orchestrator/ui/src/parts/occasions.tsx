// When a DAG runs by itself, in words; the zone, the bounds and the policies stand in the tooltip.
import { Tooltip } from "@mantine/core";
import type { DagView } from "../api/types";
import { type Occasion, occasions } from "../format/schedule";

export function Occasions({ dag }: { dag: Pick<DagView, "schedules" | "after" | "updated"> }) {
  const all = occasions(dag);
  if (all.length === 0) return <span className="muted">by hand only</span>;
  return <div className="occasions">{all.map((occasion, place) => <One key={place} occasion={occasion} />)}</div>;
}

function One({ occasion: { words, more } }: { occasion: Occasion }) {
  const line = <div className="clip">{words}</div>;
  if (more.length === 0) return line;
  return <Tooltip label={more.map((word) => <div key={word}>{word}</div>)} events={{ hover: true, focus: true, touch: true }}>{line}</Tooltip>;
}
