// An instant in the viewer's zone, with the DAG's zone, UTC and the distance from now on hover.
import { Tooltip } from "@mantine/core";
import { distance, instant, ownZone, wholeInstant } from "../format/time";
import { useNow } from "./now";

interface Props {
  at: string | null | undefined;
  /** The DAG's zone. */
  zone?: string;
  /** Shows how far away it is instead. */
  relative?: boolean;
  seconds?: boolean;
}

export function Time({ at, zone, relative = false, seconds = false }: Props) {
  const now = useNow(relative ? 5_000 : null);
  if (at == null) return <span className="muted">–</span>;
  const zones = [...new Set([ownZone(), zone ?? "UTC", "UTC"])];
  const label = (
    <div>
      {zones.map((name) => <div key={name}>{wholeInstant(at, name)}</div>)}
      <div>{distance(at, Date.now())}</div>
    </div>
  );
  return (
    <Tooltip label={label} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={at}>{relative ? distance(at, now) : instant(at, undefined, seconds)}</time>
    </Tooltip>
  );
}
