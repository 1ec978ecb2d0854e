// The lines of a log as they arrive: whole lines, bounded, with the signs of control written out. Knows nothing of the page.
import type Anser from "anser";

/** Lines that are kept; the oldest go, and the page says so. */
export const MOST_LINES = 1_000_000;
/** Letters of all lines together that are kept, however few lines they are. */
export const MOST_KEPT = 96 * 1024 * 1024;
/** A longer line is cut, with a word at its end; whoever wants the rest takes the file. */
export const MOST_OF_A_LINE = 20_000;

export interface Attempt {
  attempt: number;
  fence: number;
}

export interface Line {
  text: string;
  /** Stands at the first line of an attempt. */
  attempt?: Attempt;
}

/** Gathers pieces of text into lines. */
export class Lines {
  lines: Line[] = [];
  /** All that have been seen, also those whose lines have gone. */
  readonly attempts: Attempt[] = [];
  dropped = 0;
  bytes = 0;
  private open = false;
  /** Letters in `lines`. */
  private kept = 0;
  private fence: number | null = null;

  take(attempt: number, fence: number, text: string): void {
    if (fence !== this.fence) {
      this.fence = fence;
      this.open = false;
      this.attempts.push({ attempt, fence });
      this.lines.push({ text: "", attempt: { attempt, fence } });
    }
    this.bytes += text.length;
    const parts = text.split("\n");
    parts.forEach((part, place) => {
      const last = this.lines[this.lines.length - 1];
      if (place === 0 && this.open && last !== undefined) {
        this.kept -= last.text.length;
        last.text = cut(last.text + part);
        this.kept += last.text.length;
      } else if (place < parts.length - 1 || part !== "") {
        const line = { text: cut(part) };
        this.lines.push(line);
        this.kept += line.text.length;
      }
    });
    this.open = parts[parts.length - 1] !== "";
    this.bound();
  }

  /** Lets the oldest lines go; the last one may still grow. */
  private bound(): void {
    let many = 0;
    while (this.lines.length - many > MOST_LINES || (this.kept > MOST_KEPT && many < this.lines.length - 1)) {
      this.kept -= this.lines[many]?.text.length ?? 0;
      many += 1;
    }
    if (many === 0) return;
    this.dropped += many;
    this.lines = this.lines.slice(many);
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

/** Looks for a text, whatever its case, in a log that grows: lines that were looked at once are not looked at again. */
export class Search {
  private places: number[] = [];
  private next = 0;
  private readonly small: string;

  constructor(private readonly log: Lines, wanted: string) {
    this.small = wanted.toLowerCase();
  }

  /** Places of the lines that hold it, counted with those that have gone. */
  look(): readonly number[] {
    const { lines, dropped } = this.log;
    if (this.small === "") return this.places;
    // The last line may have grown since it was looked at: it is looked at anew.
    if (this.places.at(-1) === this.next) this.places.pop();
    if ((this.places[0] ?? dropped) < dropped) this.places = this.places.filter((place) => place >= dropped);
    for (let place = Math.max(this.next, dropped); place < dropped + lines.length; place += 1) {
      const line = lines[place - dropped];
      if (line !== undefined && line.attempt === undefined && plain(line.text).toLowerCase().includes(this.small)) this.places.push(place);
    }
    this.next = Math.max(0, dropped + lines.length - 1);
    return this.places;
  }
}
