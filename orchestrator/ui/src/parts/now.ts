// Real time as a value that components can show: one timer for each rhythm, however many look at it.
import { useSyncExternalStore } from "react";

interface Clock {
  now: number;
  lookers: Set<() => void>;
  timer: ReturnType<typeof setInterval> | undefined;
}

const CLOCKS = new Map<number, Clock>();

function clockOf(everyMs: number): Clock {
  let clock = CLOCKS.get(everyMs);
  if (clock === undefined) {
    clock = { now: Date.now(), lookers: new Set(), timer: undefined };
    CLOCKS.set(everyMs, clock);
  }
  return clock;
}

const STILL = () => () => undefined;

/** Now, in milliseconds since 1970, renewed every so many milliseconds; `null`: when the component is drawn. */
export function useNow(everyMs: number | null): number {
  const clock = everyMs === null ? null : clockOf(everyMs);
  const subscribe = clock === null || everyMs === null ? STILL : (look: () => void) => enter(clock, everyMs, look);
  return useSyncExternalStore(subscribe, () => clock?.now ?? 0) || Date.now();
}

function enter(clock: Clock, everyMs: number, look: () => void): () => void {
  if (clock.lookers.size === 0) {
    clock.now = Date.now();
    clock.timer = setInterval(() => {
      clock.now = Date.now();
      for (const each of clock.lookers) each();
    }, everyMs);
  }
  clock.lookers.add(look);
  return () => {
    clock.lookers.delete(look);
    if (clock.lookers.size === 0) clearInterval(clock.timer);
  };
}
