// Real time as a value that components can show: one timer for each rhythm, however many look at it.
import { useSyncExternalStore } from "react";

interface Clock {
  now: () => number;
  /** One function for all its life: another one would be another subscription at each drawing. */
  subscribe: (look: () => void) => () => void;
}

const CLOCKS = new Map<number, Clock>();

const STILL: Clock = { now: () => 0, subscribe: () => () => undefined };

/** Now, in milliseconds since 1970, renewed every so many milliseconds; `null`: when the component is drawn. */
export function useNow(everyMs: number | null): number {
  const { now, subscribe } = everyMs === null ? STILL : clockOf(everyMs);
  return useSyncExternalStore(subscribe, now) || Date.now();
}

function clockOf(everyMs: number): Clock {
  let clock = CLOCKS.get(everyMs);
  if (clock === undefined) {
    clock = makeClock(everyMs);
    CLOCKS.set(everyMs, clock);
  }
  return clock;
}

function makeClock(everyMs: number): Clock {
  const lookers = new Set<() => void>();
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const tick = () => {
    now = Date.now();
    for (const look of lookers) look();
  };
  const subscribe = (look: () => void) => {
    if (lookers.size === 0) {
      now = Date.now();
      timer = setInterval(tick, everyMs);
    }
    lookers.add(look);
    return () => {
      lookers.delete(look);
      if (lookers.size === 0) clearInterval(timer);
    };
  };
  return { now: () => now, subscribe };
}
