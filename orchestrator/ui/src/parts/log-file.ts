// The whole log of a task as a file: all that is written, not only the lines that a page keeps.
import { api, ask } from "../api/client";
import { type Attempt, plain } from "./log-lines";

/** The most that the server gives at once. */
const PIECE_BYTES = 1_048_576;

/** Without colours. Ends where the log ends when it is read. */
export async function wholeLog(run: string, task: string, attempts: readonly Attempt[]): Promise<Blob> {
  const parts: string[] = [];
  for (const { attempt, fence } of attempts) {
    parts.push(`--- attempt ${attempt}\n`);
    let [from, rest, end] = [0, "", false];
    while (!end) {
      const piece = await ask(api.GET("/api/v1/runs/{run}/tasks/{task}/log", { params: { path: { run, task }, query: { fence, from, bytes: PIECE_BYTES } } }));
      if (!("next" in piece)) throw new Error("The server has answered with something else than a piece of the log.");
      // What a colour is written with may be cut between two pieces, but not between two lines.
      const text = rest + piece.text;
      const whole = text.lastIndexOf("\n") + 1;
      parts.push(plain(text.slice(0, whole)));
      rest = text.slice(whole);
      end = piece.end || piece.next <= from;
      from = piece.next;
    }
    if (rest !== "") parts.push(`${plain(rest)}\n`);
  }
  return new Blob(parts, { type: "text/plain;charset=utf-8" });
}
