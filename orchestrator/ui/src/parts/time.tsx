// An instant in the viewer's zone, with the DAG's zone, UTC and the distance from now on hover.
import { distance, instant, ownZone, wholeInstant } from "../format/time";
import { useHint } from "./hint";
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
  const { on, hint } = useHint(() => <Zones at={at ?? ""} zone={zone ?? "UTC"} />);
  if (at == null) return <span className="muted">–</span>;
  return <><time dateTime={at} {...on}>{relative ? distance(at, now) : instant(at, undefined, seconds)}</time>{hint}</>;
}

function Zones({ at, zone }: { at: string; zone: string }) {
  const zones = [...new Set([ownZone(), zone, "UTC"])];
  return (
    <div>
      {zones.map((name) => <div key={name}>{wholeInstant(at, name)}</div>)}
      <div>{distance(at, Date.now())}</div>
    </div>
  );
}
