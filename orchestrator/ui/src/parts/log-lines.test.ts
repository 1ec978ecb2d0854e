import Anser from "anser";
import { expect, test } from "vitest";
import { colouring, Lines, MOST_KEPT, MOST_LINES, MOST_OF_A_LINE, pieces, plain, Search, visible } from "./log-lines";

test("pieces that arrive are put together to lines, whatever they were cut at", () => {
  const text = "one\ntwo\n\nthree";
  for (let cut = 0; cut <= text.length; cut += 1) {
    const log = new Lines();
    log.take(1, 1, text.slice(0, cut));
    log.take(1, 1, text.slice(cut));
    expect(log.lines.slice(1).map((line) => line.text)).toEqual(["one", "two", "", "three"]);
  }
});

test("each attempt begins with a line of its own, also one of the same number", () => {
  const log = new Lines();
  log.take(1, 1, "lost");
  log.take(1, 2, "again\n");
  log.take(2, 3, "more\n");
  expect(log.lines.map((line) => line.attempt?.fence ?? line.text)).toEqual([1, "lost", 2, "again", 3, "more"]);
});

test("a line without an end and a log without an end are bounded", () => {
  const log = new Lines();
  log.take(1, 1, "x".repeat(3 * MOST_OF_A_LINE));
  expect(log.lines[1]?.text.length).toBeLessThan(MOST_OF_A_LINE + 20);
  log.take(1, 1, `\n${"y\n".repeat(MOST_LINES + 5)}`);
  expect(log.lines.length).toBe(MOST_LINES);
  expect(log.dropped).toBeGreaterThan(0);
});

test("control characters are shown, colours are kept, what moves a cursor is left out", () => {
  expect(visible("a\u0007b\u0000")).toBe("a␇b␀");
  expect(visible("10 %\r50 %\r100 %")).toBe("100 %");
  expect(visible("with a carriage return\r")).toBe("with a carriage return");
  expect(colouring("\u001b[2J\u001b[1;31mred\u001b[0m\u001b]0;title\u0007")).toBe("\u001b[1;31mred\u001b[0m");
  expect(plain("\u001b[32mgreen\u001b[0m \u001b]8;;http://x\u001b\\link")).toBe("green link");
});

test("markup in a line stays text", () => {
  const [piece] = pieces(Anser, "<img src=x onerror=alert(1)>");
  expect(piece).toMatchObject({ text: "<img src=x onerror=alert(1)>", foreground: null });
  expect(pieces(Anser, "\u001b[31mred\u001b[0m plain").map(({ text, foreground }) => [text, foreground])).toEqual([["red", "ansi-red"], [" plain", null]]);
});

test("a word is found whatever its case and colours", () => {
  const log = new Lines();
  log.take(1, 1, "Error\nfine\n\u001b[31mer\u001b[0mror\n");
  expect(new Search(log, "error").look()).toEqual([1, 3]);
  expect(new Search(log, "").look()).toEqual([]);
});

test("a search goes on with what is new, and with a line that grows", () => {
  const log = new Lines();
  const search = new Search(log, "error");
  expect(search.look()).toEqual([]);
  log.take(1, 1, "error\ner");
  expect(search.look()).toEqual([1]);
  log.take(1, 1, "ror");
  expect(search.look()).toEqual([1, 2]);
  log.take(1, 1, " again\nfine\nerror\n");
  expect(search.look()).toEqual([1, 2, 4]);
  log.take(1, 1, "y\n".repeat(MOST_LINES - 2));
  expect(search.look()).toEqual([4]);
});

test("long lines are bounded by their letters, and the attempts stay known", () => {
  const log = new Lines();
  const long = "x".repeat(MOST_OF_A_LINE);
  const many = Math.ceil(MOST_KEPT / MOST_OF_A_LINE) + 10;
  for (let line = 0; line < many; line += 1) log.take(1, 1, `${long}\n`);
  expect(log.lines.length * MOST_OF_A_LINE).toBeLessThanOrEqual(MOST_KEPT);
  expect(log.dropped + log.lines.length).toBe(many + 1);
  expect(log.attempts).toEqual([{ attempt: 1, fence: 1 }]);
});
