import { expect, test } from "vitest";
import { eventsOf, type ServerEvent } from "./event-stream";

async function read(chunks: string[]): Promise<ServerEvent[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(stream) {
      for (const chunk of chunks) stream.enqueue(encoder.encode(chunk));
      stream.close();
    },
  });
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(body)) events.push(event);
  return events;
}

const STREAM = ": a comment\n\nevent: run\nid: f-1\ndata: {\"a\":\ndata: 1}\n\nevent: end\ndata: é\n\n";

test("events are read, whatever the stream is cut at", async () => {
  const whole = await read([STREAM]);
  expect(whole).toEqual([
    { event: "run", id: "f-1", data: '{"a":\n1}' },
    { event: "end", id: "f-1", data: "é" },
  ]);
  for (let cut = 1; cut < STREAM.length; cut += 1) expect(await read([STREAM.slice(0, cut), STREAM.slice(cut)])).toEqual(whole);
});

test("an event that was not ended is none", async () => {
  expect(await read(["event: run\ndata: 1\n"])).toEqual([]);
});
