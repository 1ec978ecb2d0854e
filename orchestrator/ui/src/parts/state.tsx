// A state: its colour, its sign and its word.
import { STATES, type AnyState } from "../theme";

export function State({ state }: { state: AnyState }) {
  const { word, color } = STATES[state];
  return <span className="state" style={{ color }}><StateDot state={state} />{word}</span>;
}

export function StateDot({ state }: { state: AnyState }) {
  const { color, sign } = STATES[state];
  const className = state === "running" ? "state-dot breathes" : "state-dot";
  return <span className={className} style={{ background: color }} aria-hidden>{sign}</span>;
}
