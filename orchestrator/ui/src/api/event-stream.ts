// Reads server-sent events from the body of a response, as the standard has them.

export interface ServerEvent {
  event: string;
  id: string;
  data: string;
}

/** The events of a body, one by one. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  let event: ServerEvent = { event: "message", id: "", data: "" };
  let data: string[] = [];
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { ...event, data: data.join("\n") };
        event = { event: "message", id: event.id, data: "" };
        data = [];
      } else if (line.startsWith("data:")) data.push(field(line, 5));
      else if (line.startsWith("event:")) event.event = field(line, 6);
      else if (line.startsWith("id:")) event.id = field(line, 3);
    }
  }
}

function field(line: string, colon: number): string {
  return line.slice(line[colon] === " " ? colon + 1 : colon);
}
