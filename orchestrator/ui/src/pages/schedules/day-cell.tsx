// One day: its firings by DAG, and whether clocks change.
import { Badge, VisuallyHidden } from "@mantine/core";
import { IconClockExclamation, IconPlayerPause } from "@tabler/icons-react";
import type { CSSProperties } from "react";
import { Link } from "react-router";
import { jumpWords } from "./clock-changes";
import type { ClockChange, Day, Group } from "./use-calendar";

export function ChangeBadge({ changes }: { changes: readonly ClockChange[] }) {
  const [change] = changes;
  if (change === undefined) return null;
  const zones = changes.map(({ timezone }) => timezone).join(", ");
  return (
    <Badge size="sm" variant="light" color="orange" tt="none" className="change-badge" leftSection={<IconClockExclamation size={12} aria-hidden />} title={`Clocks change in ${zones}`}>
      <VisuallyHidden>clocks change: </VisuallyHidden>{jumpWords(change)}
    </Badge>
  );
}

interface Props {
  day: Day | undefined;
  /** At most so many DAGs; what is more is counted. */
  most?: number;
}

export function Firings({ day, most = Infinity }: Props) {
  const groups = day?.groups ?? [];
  return (
    <ul className="firings">
      {groups.slice(0, most).map((group) => <li key={group.dag}><OneDag group={group} /></li>)}
      {groups.length > most && <li className="firings-more">{groups.length - most} more {groups.length - most === 1 ? "DAG" : "DAGs"}</li>}
    </ul>
  );
}

function OneDag({ group: { dag, paused, firings } }: { group: Group }) {
  const [first, last] = [firings[0], firings.at(-1)];
  if (first === undefined || last === undefined) return null;
  const odd = firings.find(({ firing }) => firing.clocks != null)?.firing.clocks;
  const many = firings.length > 1;
  const times = many ? `${firings.length} times, ${first.time} to ${last.time}` : first.time;
  const why = odd === "gap" ? "; set for a time that clocks leave out that day, fires right after" : odd === "overlap" ? "; set for a time that comes twice that day" : "";
  const words = `${dag}: ${times}${paused ? "; paused: will not fire" : ""}${why}`;
  const className = `firing${paused ? " firing-paused" : ""}`;
  return (
    <Link to={`/dags/${dag}`} className={className} style={{ "--dag-hue": hueOf(dag) } as CSSProperties} title={words} aria-label={words}>
      <span className="firing-time">{many ? `${firings.length}×` : first.time}</span>
      <span className="clip">{dag}</span>
      {odd != null && <IconClockExclamation size={13} className="firing-odd" aria-hidden />}
      {paused && <IconPlayerPause size={12} className="firing-note" aria-hidden />}
    </Link>
  );
}

/** A DAG keeps its colour from day to day. */
function hueOf(name: string): number {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
