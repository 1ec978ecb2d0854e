// A task's log, live: colours, search, follow, download. Lines are virtual: only those that are seen are in the page, whatever
// the length. Nothing of a log is ever HTML.
import { ActionIcon, Button, Group, Switch, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconDownload, IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import Anser from "anser";
import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import type { ApiError } from "../api/client";
import { follow } from "../api/events";
import type { TaskState } from "../api/types";
import { bytes, count } from "../format/number";
import { STATES } from "../theme";
import { ErrorView } from "./error-view";
import { wholeLog } from "./log-file";
import { type Line, Lines, MOST_KEPT, MOST_LINES, pieces, plain, Search } from "./log-lines";
import "./log-view.css";

interface Props {
  run: string;
  task: string;
  height?: number | string;
}

interface LogPiece {
  attempt: number;
  fence: number;
  text: string;
}

interface Following {
  log: Lines;
  /** Rises with every change of `log`. */
  version: number;
  ended: TaskState | null;
  error: ApiError | null;
}

const ROW = 20;
/** Changes are shown together, at most so often. */
const BETWEEN_LOOKS_MS = 80;

function useLog(run: string, task: string): Following {
  const [shown, setShown] = useState<Following>(() => ({ log: new Lines(), version: 0, ended: null, error: null }));
  useEffect(() => {
    const log = new Lines();
    let version = 0;
    let ended: TaskState | null = null;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const show = (error: ApiError | null = null) => {
      waiting = undefined;
      version += 1;
      setShown({ log, version, ended, error });
    };
    show();
    const stop = follow(`/api/v1/runs/${run}/tasks/${encodeURIComponent(task)}/log?follow=true`, {
      onEvent: ({ event, data }) => {
        if (event === "log") {
          const piece = JSON.parse(data) as LogPiece;
          log.take(piece.attempt, piece.fence, piece.text);
        } else if (event === "end") ended = (JSON.parse(data) as { state: TaskState }).state;
        waiting ??= setTimeout(show, BETWEEN_LOOKS_MS);
      },
      onRefused: (error) => show(error),
    });
    return () => {
      stop();
      clearTimeout(waiting);
    };
  }, [run, task]);
  return shown;
}

export default function LogView({ run, task, height = "min(60vh, 640px)" }: Props) {
  const { log, version, ended, error } = useLog(run, task);
  const [wanted, setWanted] = useState("");
  const [sought] = useDebouncedValue(wanted, 200);
  const [following, setFollowing] = useState(true);
  const [hit, setHit] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  const search = useMemo(() => new Search(log, sought), [log, sought]);
  const hits = search.look();
  const file = useFile(run, task, log);
  const rows = useVirtualizer({ count: log.lines.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 30 });

  useEffect(() => {
    if (following && sought === "" && log.lines.length > 0) rows.scrollToIndex(log.lines.length - 1, { align: "end" });
  }, [version, following, sought, log, rows]);

  function go(to: number): void {
    if (hits.length === 0) return;
    const next = (to + hits.length) % hits.length;
    setHit(next);
    setFollowing(false);
    rows.scrollToIndex((hits[next] ?? 0) - log.dropped, { align: "center" });
  }
  function onScroll({ scrollTop, scrollHeight, clientHeight }: HTMLElement): void {
    // Following goes down only: who goes up, by whatever means, wants to read.
    if (scrollTop < top.current && scrollHeight - clientHeight - scrollTop > 1) setFollowing(false);
    top.current = scrollTop;
  }
  useEffect(() => {
    if (sought !== "" && hits.length > 0) go(0);
    // Only a new word jumps; lines that arrive do not.
  }, [sought]);

  if (error !== null) return <ErrorView error={error} />;
  return (
    <div className="log">
      <Group className="log-tools" gap="xs">
        <TextInput
          size="xs"
          leftSection={<IconSearch size={14} />}
          placeholder="Search"
          aria-label="Search the log"
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && go(hit + (event.shiftKey ? -1 : 1))}
        />
        {sought !== "" && (
          <>
            <Text size="xs" role="status">{hits.length === 0 ? "not found" : `${hit + 1} of ${count(hits.length)}`}</Text>
            <ActionIcon size="sm" variant="default" aria-label="Previous" onClick={() => go(hit - 1)}><IconArrowUp size={14} /></ActionIcon>
            <ActionIcon size="sm" variant="default" aria-label="Next" onClick={() => go(hit + 1)}><IconArrowDown size={14} /></ActionIcon>
          </>
        )}
        <Switch size="xs" label="Follow" checked={following} onChange={(event) => setFollowing(event.currentTarget.checked)} />
        <Text size="xs" c="dimmed" className="log-count">
          {count(log.lines.length)} lines, {bytes(log.bytes)}{ended === null ? "" : `; ${STATES[ended].word}`}
          {log.dropped > 0 && `; the first ${count(log.dropped)} are not shown (most ${count(MOST_LINES)} lines or ${bytes(MOST_KEPT)})`}
        </Text>
        <Button size="compact-xs" variant="default" leftSection={<IconDownload size={14} />} loading={file.busy} onClick={() => void file.save()}>Download</Button>
      </Group>
      {file.error !== null && <ErrorView error={file.error} title="The log could not be downloaded" />}
      <div ref={box} className="log-lines" style={{ height }} tabIndex={0} role="log" aria-label={`Log of ${task}`} aria-live="off" onScroll={(event) => onScroll(event.currentTarget)}>
        {log.lines.length === 0 && <div className="log-empty">{ended === null ? "Nothing is written yet." : "It wrote nothing."}</div>}
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map(({ index, start, key }) => {
            const line = log.lines[index];
            return line === undefined ? null : <Row key={key} line={line} number={index + 1 + log.dropped} top={start} marked={hits.length > 0 && hits[hit] === index + log.dropped} sought={sought} />;
          })}
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  line: Line;
  number: number;
  top: number;
  marked: boolean;
  sought: string;
}

function Row({ line, number, top, marked, sought }: RowProps) {
  const style: CSSProperties = { transform: `translateY(${top}px)` };
  if (line.attempt !== undefined) return <div className="log-row log-attempt" style={style}>attempt {line.attempt.attempt}</div>;
  const holds = sought !== "" && plain(line.text).toLowerCase().includes(sought.toLowerCase());
  const className = `log-row${marked ? " log-marked" : holds ? " log-found" : ""}`;
  return (
    <div className={className} style={style}>
      <span className="log-number" aria-hidden>{number}</span>
      <span className="log-text">
        {pieces(Anser, line.text).map(({ text, foreground, background, bold, dim, italic, underline }, place) => {
          const classes = [foreground && `fg-${foreground}`, background && `bg-${background}`, bold && "bold", dim && "dim", italic && "italic", underline && "underline"];
          const named = classes.filter(Boolean).join(" ");
          return named === "" ? text : <span key={place} className={named}>{text}</span>;
        })}
      </span>
    </div>
  );
}

/** The whole log as a file; reading it takes a while. */
function useFile(run: string, task: string, log: Lines) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  async function save(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      hand(await wholeLog(run, task, log.attempts), `${task}-${run}.log`);
    } catch (failed) {
      setError(failed instanceof Error ? failed : new Error(String(failed)));
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, save };
}

function hand(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
