// The lines of a log as they arrive: whole lines, bounded, with the signs of control written out. Knows nothing of the page.
import type Anser from "anser";

/** Lines that are kept; the oldest go, and the page says so. */
export const MOST_LINES = 1_000_000;
/** A longer line is cut, with a word at its end; whoever wants the rest takes the file. */
export const MOST_OF_A_LINE = 20_000;

export interface Line {
  text: string;
  /** The first line of an attempt: its number and fence. */
  attempt?: { attempt: number; fence: number };
}

/** Gathers pieces of text into lines. */
export class Lines {
  lines: Line[] = [];
  dropped = 0;
  bytes = 0;
  private open = false;
  private fence: number | null = null;

  take(attempt: number, fence: number, text: string): void {
    if (fence !== this.fence) {
      this.fence = fence;
      this.open = false;
      this.lines.push({ text: "", attempt: { attempt, fence } });
    }
    this.bytes += text.length;
    const parts = text.split("\n");
    parts.forEach((part, place) => {
      const last = this.lines[this.lines.length - 1];
      if (place === 0 && this.open && last !== undefined) last.text = cut(last.text + part);
      else if (place < parts.length - 1 || part !== "") this.lines.push({ text: cut(part) });
    });
    this.open = parts[parts.length - 1] !== "";
    if (this.lines.length > MOST_LINES) {
      const many = this.lines.length - MOST_LINES;
      this.dropped += many;
      this.lines = this.lines.slice(many);
    }
  }
}

function cut(text: string): string {
  return text.length <= MOST_OF_A_LINE ? text : `${text.slice(0, MOST_OF_A_LINE)} … (cut)`;
}

const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** The text without colours: what is searched. */
export function plain(text: string): string {
  return text.replace(ESCAPES, "");
}

/** Control characters as people can see them; tabs and colours stay. */
export function visible(text: string): string {
  // A carriage return begins the line again: what was written last is what a terminal shows.
  const shown = text.slice(text.replace(/\r$/, "").lastIndexOf("\r") + 1).replace(/\r$/, "");
  return Array.from(shown, (sign) => (sign < " " && sign !== "\t" && sign !== "\u001b" ? String.fromCharCode(0x2400 + sign.charCodeAt(0)) : sign)).join("");
}

/** Without sequences that move a cursor or name a window; those that colour stay. */
export function colouring(text: string): string {
  return text.replace(ESCAPES, (sequence) => (/^\u001b\[[\d;]*m$/.test(sequence) ? sequence : ""));
}

export interface Piece {
  text: string;
  foreground: string | null;
  background: string | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
}

/** The pieces of a line that have one colour each. */
export function pieces(anser: typeof Anser, text: string): Piece[] {
  return anser.ansiToJson(visible(colouring(text)), { use_classes: true, remove_empty: true }).map((entry) => ({
    text: entry.content,
    foreground: entry.fg === null || entry.fg === "" ? null : entry.fg,
    background: entry.bg === null || entry.bg === "" ? null : entry.bg,
    bold: entry.decorations.includes("bold"),
    dim: entry.decorations.includes("dim"),
    italic: entry.decorations.includes("italic"),
    underline: entry.decorations.includes("underline"),
  }));
}

/** Places of the lines that hold a text, whatever its case. */
export function found(lines: readonly Line[], wanted: string): number[] {
  const small = wanted.toLowerCase();
  const places: number[] = [];
  if (small === "") return places;
  lines.forEach((line, place) => {
    if (line.attempt === undefined && plain(line.text).toLowerCase().includes(small)) places.push(place);
  });
  return places;
}
