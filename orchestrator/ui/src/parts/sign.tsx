// A word on how something stands that is no state of a run: a colour, a sign, the word.
import type { ReactNode } from "react";

const TONES = {
  good: { color: "var(--state-succeeded)", sign: "✓" },
  calm: { color: "var(--state-waiting)", sign: "·" },
  busy: { color: "var(--state-running)", sign: "▶" },
  warn: { color: "var(--state-retry)", sign: "!" },
  bad: { color: "var(--state-failed)", sign: "✕" },
};

export type Tone = keyof typeof TONES;

export function Sign({ tone, children }: { tone: Tone; children: ReactNode }) {
  const { color, sign } = TONES[tone];
  return (
    <span className="state" style={{ color }}>
      <span className="state-dot" style={{ background: color }} aria-hidden>{sign}</span>
      {children}
    </span>
  );
}
