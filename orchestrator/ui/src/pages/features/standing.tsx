// Whether a view can be served: fresh, too old, or not published yet; and how much of its TTL is used up.
import { Freshness } from "../../parts/freshness";
import { Sign } from "../../parts/sign";
import type { View } from "./views";

export function Standing({ view, now }: { view: View; now: number | undefined }) {
  if (view.publication == null) return <StandingSign view={view} />;
  return (
    <div className="standing">
      <StandingSign view={view} />
      <Freshness from={view.publication.as_of} ttlUs={view.ttl_us} now={now} />
    </div>
  );
}

export function StandingSign({ view }: { view: View }) {
  if (view.publication == null) return <Sign tone="calm">not published</Sign>;
  return view.fresh ? <Sign tone="good">fresh</Sign> : <Sign tone="bad">stale</Sign>;
}
