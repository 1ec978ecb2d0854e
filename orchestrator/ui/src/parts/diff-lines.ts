// What differs between two versions of files, as lines to show: a few that are the same around each that is not, and within a
// line that was changed the words that were. Knows nothing of the page.
import { diffWordsWithSpace, structuredPatch } from "diff";

export interface TextFile {
  path: string;
  text: string;
}

export interface Piece {
  text: string;
  /** Whether the other side has it not. */
  differs: boolean;
}

export interface DiffLine {
  sign: "+" | "-" | " ";
  /** Line in the older file, from 1. */
  before: number | null;
  after: number | null;
  pieces: Piece[];
}

export interface FileDiff {
  path: string;
  change: "added" | "removed" | "changed";
  added: number;
  removed: number;
  /** Stretches of lines; none where the two are too large or too different to be compared here. */
  hunks: DiffLine[][] | null;
}

const AROUND = 3;
/** Comparing goes on no longer: the page has to stay quick. */
const MOST_MS = 1_500;
/** Words of longer lines are not compared. */
const MOST_OF_A_LINE = 2_000;

/** The files that differ, in order of path. */
export function differences(before: readonly TextFile[], after: readonly TextFile[]): FileDiff[] {
  const old = new Map(before.map(({ path, text }) => [path, text]));
  const now = new Map(after.map(({ path, text }) => [path, text]));
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.filter((path) => old.get(path) !== now.get(path)).map((path) => fileDiff(path, old.get(path), now.get(path)));
}

function fileDiff(path: string, before: string | undefined, after: string | undefined): FileDiff {
  const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  const patch = structuredPatch(path, path, before ?? "", after ?? "", "", "", { context: AROUND, timeout: MOST_MS });
  if (patch === undefined) return { path, change, added: 0, removed: 0, hunks: null };
  const hunks = patch.hunks.map(({ oldStart, newStart, lines }) => withWords(numbered(lines, oldStart, newStart)));
  const many = (sign: string) => hunks.flat().filter((line) => line.sign === sign).length;
  return { path, change, added: many("+"), removed: many("-"), hunks };
}

function numbered(lines: readonly string[], oldStart: number, newStart: number): DiffLine[] {
  let [before, after] = [oldStart, newStart];
  // A line that begins with a backslash says that the file's end has no line feed: that is nothing to show.
  return lines.filter((line) => !line.startsWith("\\")).map((line) => {
    const sign = line.startsWith("+") ? "+" : line.startsWith("-") ? "-" : " ";
    const pieces = [{ text: line.slice(1), differs: false }];
    return { sign, before: sign === "+" ? null : before++, after: sign === "-" ? null : after++, pieces };
  });
}

/** Lines that were taken out and as many that came in their place: the words that differ stand out. */
function withWords(lines: DiffLine[]): DiffLine[] {
  let place = 0;
  while (place < lines.length) {
    const removed = stretch(lines, place, "-");
    const added = stretch(lines, place + removed.length, "+");
    if (removed.length === added.length) removed.forEach((line, at) => compareWords(line, added[at]));
    place += Math.max(1, removed.length + added.length);
  }
  return lines;
}

function stretch(lines: readonly DiffLine[], from: number, sign: string): DiffLine[] {
  const end = lines.findIndex((line, place) => place >= from && line.sign !== sign);
  return lines.slice(from, end < 0 ? undefined : end);
}

function compareWords(removed: DiffLine, added: DiffLine | undefined): void {
  const [before, after] = [removed.pieces[0]?.text, added?.pieces[0]?.text];
  if (before === undefined || after === undefined || added === undefined || before.length + after.length > MOST_OF_A_LINE) return;
  const parts = diffWordsWithSpace(before, after);
  const same = parts.filter((part) => !part.added && !part.removed).reduce((sum, { value }) => sum + value.trim().length, 0);
  // Two lines that have next to nothing in common are two lines, not one that was changed.
  if (same * 3 < Math.min(before.trim().length, after.trim().length)) return;
  removed.pieces = parts.filter((part) => !part.added).map(({ value, removed: differs }) => ({ text: value, differs }));
  added.pieces = parts.filter((part) => !part.removed).map(({ value, added: differs }) => ({ text: value, differs }));
}
