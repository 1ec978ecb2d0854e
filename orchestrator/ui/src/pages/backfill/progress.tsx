// How far a backfill is, for its page and for the list.
import type { Schema } from "../../api/types";
import { Sign, type Tone } from "../../parts/sign";
import { Time } from "../../parts/time";
import { STATES } from "../../theme";
import "./progress.css";

export type Backfill = Schema<"BackfillView">;

const TONES: Record<Backfill["state"], Tone> = { running: "busy", paused: "warn", cancelled: "calm", finished: "good" };

export function BackfillSign({ state }: Pick<Backfill, "state">) {
  return <Sign tone={TONES[state]}>{state}</Sign>;
}

export interface Part {
  word: string;
  many: number;
  color: string;
}

/** Its windows by what has become of them; those that are left, last. */
export function partsOf({ windows, done, succeeded, failed, cancelled, going_on }: Backfill): Part[] {
  const parts = [
    { word: "succeeded", many: succeeded, color: STATES.succeeded.color },
    { word: "failed", many: failed, color: STATES.failed.color },
    { word: "cancelled", many: cancelled, color: STATES.cancelled.color },
    { word: "needed no run", many: Math.max(0, done - succeeded - failed - cancelled), color: STATES.skipped.color },
    { word: "going on", many: going_on, color: STATES.running.color },
    { word: "left", many: Math.max(0, windows - done - going_on), color: "var(--line)" },
  ];
  return parts.filter(({ many }) => many > 0);
}

export function Progress({ backfill, tall = false }: { backfill: Backfill; tall?: boolean }) {
  const { done, windows, failed } = backfill;
  const words = `${done.toLocaleString("en")} of ${windows.toLocaleString("en")} windows`;
  return (
    <div>
      <div className={tall ? "backfill-bar backfill-bar-tall" : "backfill-bar"} role="progressbar" aria-label="Windows dealt with" aria-valuenow={done} aria-valuemin={0} aria-valuemax={windows} aria-valuetext={words}>
        {partsOf(backfill).map(({ word, many, color }) => (
          <span key={word} className={word === "going on" && backfill.state === "running" ? "breathes" : ""} title={`${many.toLocaleString("en")} ${word}`} style={{ flexGrow: many, background: color }} />
        ))}
      </div>
      <small className="muted">{words}{failed > 0 && <>, <span style={{ color: STATES.failed.color }}>{failed.toLocaleString("en")} failed</span></>}</small>
    </div>
  );
}

export function RangeOf({ backfill: { from, to, backwards }, zone }: { backfill: Backfill; zone?: string | undefined }) {
  const zoned = zone === undefined ? {} : { zone };
  return <span><Time at={from} {...zoned} /> to <Time at={to} {...zoned} />{backwards && <span className="muted">, newest first</span>}</span>;
}
