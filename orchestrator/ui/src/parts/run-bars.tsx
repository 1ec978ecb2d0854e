// The last runs of a DAG as small bars, oldest first: colour for the state, height for how long it took.
import { Link } from "react-router";
import type { RunSummary } from "../api/types";
import { quantile } from "../format/stats";
import { between, duration, instant } from "../format/time";
import { STATES } from "../theme";
import { useHint } from "./hint";

export function RunBars({ runs }: { runs: RunSummary[] }) {
  const { on, hint } = useHint((bar) => bar.getAttribute("aria-label"));
  const now = Date.now();
  const took = runs.map((run) => between(run.started_at, run.ended_at, now) ?? 0);
  // One that took far longer than the others would make them all alike: it ends at the top.
  const top = Math.max(1, Math.min(Math.max(...took), 4 * (quantile(took.filter((ms) => ms > 0), 0.5) ?? 1)));
  const bars = runs.map((run, place) => {
    const ms = took[place] ?? 0;
    const label = `${instant(run.window_end)}: ${STATES[run.state].word}, ${duration(ms)}`;
    return (
      <Link key={run.id} to={`/runs/${run.id}`} aria-label={label} className="run-bar" {...on}>
        <span className={run.state === "running" ? "breathes" : undefined} style={{ height: `${25 + Math.min(75, (75 * ms) / top)}%`, background: STATES[run.state].color }} />
      </Link>
    );
  });
  return <div className="run-bars">{bars.reverse()}{hint}</div>;
}
