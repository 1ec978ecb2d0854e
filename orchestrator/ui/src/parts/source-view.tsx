// A file of the project as it is written: line numbers, colours for YAML, and what is wrong at the lines where it is wrong.
// Loaded when it is shown. Plain elements and not a virtual list, so that the browser's own search finds everything.
import { Button, Group, Text } from "@mantine/core";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { count } from "../format/number";
import { Words } from "./words";
import { type Token, yamlTokens } from "./yaml-tokens";
import "./source-view.css";

export interface Mark {
  /** From 1. */
  line: number;
  column?: number | null;
  severity: "error" | "warning";
  message: string;
  help?: string | null;
  code?: string;
}

interface Props {
  path: string;
  text: string;
  marks?: readonly Mark[];
  /** The line that is shown first and stands out, from 1. */
  at?: number | null;
  height?: number | string;
}

/** Lines that are shown before somebody asks for all. */
const FIRST_LINES = 5_000;
/** Lines that the browser lays out together, once they are seen. */
const PIECE = 200;
const ROW = 20;
const NO_MARKS: readonly Mark[] = [];

export default function SourceView({ path, text, marks = NO_MARKS, at = null, height = "min(70vh, 760px)" }: Props) {
  const [all, setAll] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => linesOf(text), [text]);
  const most = all ? lines.length : Math.max(FIRST_LINES, at ?? 0);
  const tokens = useMemo(() => tokensOf(path, lines.slice(0, most)), [path, lines, most]);
  const byLine = useMemo(() => marksByLine(marks, lines.length), [marks, lines.length]);
  const pieces = Array.from({ length: Math.ceil(tokens.length / PIECE) }, (_, piece) => tokens.slice(piece * PIECE, (piece + 1) * PIECE));

  useEffect(() => {
    const row = at === null ? null : box.current?.querySelector<HTMLElement>(`[data-line="${at}"]`);
    if (row != null && box.current !== null) box.current.scrollTop += row.getBoundingClientRect().top - box.current.getBoundingClientRect().top - 3 * ROW;
  }, [at, path]);

  return (
    <>
      <div ref={box} className="source" style={{ maxHeight: height }} tabIndex={0} role="region" aria-label={`${path}, ${count(lines.length)} lines`}>
        <div className="source-inside">
          {pieces.map((piece, place) => <Piece key={place} tokens={piece} from={place * PIECE + 1} at={at} marks={byLine} />)}
        </div>
      </div>
      {most < lines.length && (
        <Group px="md" py="xs" gap="sm">
          <Text size="sm" c="dimmed">{count(lines.length - most)} more lines are not shown.</Text>
          <Button size="compact-sm" variant="default" onClick={() => setAll(true)}>Show all</Button>
        </Group>
      )}
    </>
  );
}

interface PieceProps {
  tokens: readonly Token[][];
  from: number;
  at: number | null;
  marks: Map<number, Mark[]>;
}

const Piece = memo(function Piece({ tokens, from, at, marks }: PieceProps) {
  return (
    <div className="source-piece" style={{ containIntrinsicSize: `auto ${tokens.length * ROW}px` }}>
      {tokens.map((line, place) => {
        const number = from + place;
        const found = marks.get(number);
        return <Row key={number} number={number} tokens={line} lit={number === at} {...(found === undefined ? {} : { marks: found })} />;
      })}
    </div>
  );
});

function Row({ number, tokens, lit, marks = [] }: { number: number; tokens: readonly Token[]; lit: boolean; marks?: readonly Mark[] }) {
  const worst = marks.some(({ severity }) => severity === "error") ? "error" : marks[0]?.severity;
  return (
    <>
      <div className={lit ? "source-row source-lit" : "source-row"} data-line={number} data-severity={worst}>
        <span className="source-number" aria-hidden>{number}</span>
        <code className="source-text"><Tokens tokens={tokens} /></code>
      </div>
      {marks.map((mark, place) => <MarkBelow key={place} mark={mark} />)}
    </>
  );
}

/** The words of a line in their colours. */
function Tokens({ tokens }: { tokens: readonly Token[] }) {
  if (tokens.length === 0) return "\u200b";
  return tokens.map(({ kind, text }, place) => (kind === "plain" ? text : <span key={place} className={`tok-${kind}`}>{text}</span>));
}

function MarkBelow({ mark: { line, column, severity, message, help, code } }: { mark: Mark }) {
  return (
    <div className="source-mark" data-severity={severity}>
      <div>
        <span className="source-mark-word">{severity}</span>{" "}
        <span className="muted">line {line}{column == null ? "" : `, column ${column}`}{code === undefined ? "" : ` · ${code}`}</span>
        <div><Words text={message} /></div>
        {help != null && help !== "" && <div className="muted"><Words text={help} /></div>}
      </div>
    </div>
  );
}

function marksByLine(marks: readonly Mark[], last: number): Map<number, Mark[]> {
  const byLine = new Map<number, Mark[]>();
  for (const mark of marks) {
    // A file that has become shorter meanwhile shows them at its end.
    const line = Math.min(Math.max(mark.line, 1), last);
    byLine.set(line, [...(byLine.get(line) ?? []), mark]);
  }
  return byLine;
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\n/);
  if (lines.length > 1 && lines[lines.length - 1] === "") lines.pop();
  return lines;
}

/** The tokens of a file's lines; those of other files than YAML are plain. */
function tokensOf(path: string, lines: readonly string[]): Token[][] {
  if (/\.ya?ml$/.test(path)) return yamlTokens(lines);
  return lines.map((text) => (text === "" ? [] : [{ kind: "plain", text }]));
}
