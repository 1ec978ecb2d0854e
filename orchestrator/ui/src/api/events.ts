// Server-sent events over `fetch`, which can carry the token: one connection that comes back by itself and goes on after the
// last event it has seen; a hidden tab holds none. To follow something: `follow(path, { … })`, and call what it returns to stop.
import { ApiError, fetchWithToken, refused } from "./client";
import { eventsOf, type ServerEvent } from "./event-stream";
import { whileVisible } from "./visible";

export interface Follow {
  onEvent: (event: ServerEvent) => void;
  /** Whether the connection stands. */
  onConnected?: (connected: boolean) => void;
  /** The server refuses to go on: nothing comes any more. */
  onRefused?: (error: ApiError) => void;
}

/** The server says something at least every ten seconds; who is silent for longer is gone, whatever the connection thinks. */
const SILENCE_MS = 25_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** Follows a stream until it is told to stop, or `onEvent` saw an `end`. */
export function follow(path: string, handlers: Follow): () => void {
  const place = { last: "", ended: false };
  return whileVisible(() => (place.ended ? () => undefined : connect(path, place, handlers)));
}

interface Place {
  /** The id of the last event that was seen. */
  last: string;
  ended: boolean;
}

function connect(path: string, place: Place, { onEvent, onConnected, onRefused }: Follow): () => void {
  const stop = new AbortController();
  let pause = FIRST_PAUSE_MS;

  async function connection(): Promise<boolean> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (place.last !== "") headers["last-event-id"] = place.last;
    const silence = new Silence();
    const signal = AbortSignal.any([stop.signal, silence.signal]);
    const response = await fetchWithToken(new URL(path, location.origin).href, { headers, signal });
    if (!response.ok || response.body === null) throw refused(await response.json().catch(() => null), response);
    onConnected?.(true);
    for await (const event of eventsOf(response.body.pipeThrough(silence.watch()))) {
      // A stream that opens and says nothing is no better than one that does not open.
      pause = FIRST_PAUSE_MS;
      if (event.id !== "") place.last = event.id;
      place.ended = event.event === "end";
      onEvent(event);
      if (place.ended) return false;
    }
    return true;
  }

  async function again(): Promise<void> {
    for (;;) {
      try {
        if (!(await connection())) return;
      } catch (error) {
        if (stop.signal.aborted) return;
        const final = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
        if (final) {
          place.ended = true;
          return onRefused?.(error);
        }
      }
      onConnected?.(false);
      // Many pages that lost the same server do not come back in the same moment.
      await new Promise((resume) => setTimeout(resume, pause * (0.5 + Math.random() / 2)));
      if (stop.signal.aborted) return;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  void again();
  return () => stop.abort();
}

/** Ends a connection on which nothing has come for too long. */
class Silence {
  private readonly ends = new AbortController();
  private timer = this.wait();

  get signal(): AbortSignal {
    return this.ends.signal;
  }

  watch(): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform: (bytes, passed) => {
        clearTimeout(this.timer);
        this.timer = this.wait();
        passed.enqueue(bytes);
      },
      flush: () => clearTimeout(this.timer),
    });
  }

  private wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.ends.abort(), SILENCE_MS);
  }
}
