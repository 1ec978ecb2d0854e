// What differs between two versions of the project's files, file by file. Loaded when it is shown.
import { Badge, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Fragment, useId, useMemo, useState } from "react";
import { differences, type DiffLine, type FileDiff, type TextFile } from "./diff-lines";
import { EmptyView } from "./empty-view";
import "./diff-view.css";

interface Props {
  before: readonly TextFile[];
  after: readonly TextFile[];
  /** Only this file. */
  path?: string | null;
}

/** More files begin folded. */
const MOST_OPEN = 8;

export default function DiffView({ before, after, path = null }: Props) {
  const files = useMemo(() => differences(before, after), [before, after]);
  const shown = path === null ? files : files.filter((file) => file.path === path);
  const others = files.length - shown.length;
  if (shown.length === 0) {
    return (
      <EmptyView title="No difference">
        <Text size="sm">{path === null ? "The files of both versions are the same." : `${path} is the same in both versions.`}{others > 0 && ` ${others === 1 ? "One other file differs" : `${others} other files differ`}.`}</Text>
      </EmptyView>
    );
  }
  return (
    <Stack gap="sm">
      {shown.map((file) => <FileBox key={file.path} file={file} open={shown.length <= MOST_OPEN} />)}
    </Stack>
  );
}

function FileBox({ file: { path, change, added, removed, hunks }, open: first }: { file: FileDiff; open: boolean }) {
  const [open, setOpen] = useState(first);
  const id = useId();
  const Sign = open ? IconChevronDown : IconChevronRight;
  return (
    <div className="diff-file">
      <UnstyledButton className="diff-head" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Sign size={16} aria-hidden />
        <span className="mono clip" title={path}>{path}</span>
        {change !== "changed" && <Badge variant="light" color={change === "added" ? "green" : "red"} tt="none">{change}</Badge>}
        {hunks !== null && (
          <span className="diff-counts">
            <span className="diff-added-word" title="lines added">+{added}</span>{" "}
            <span className="diff-removed-word" title="lines removed">−{removed}</span>
          </span>
        )}
      </UnstyledButton>
      {open && <div id={id} className="diff-lines" tabIndex={0} role="region" aria-label={`Differences in ${path}`}><Hunks hunks={hunks} /></div>}
    </div>
  );
}

function Hunks({ hunks }: { hunks: DiffLine[][] | null }) {
  if (hunks === null) return <Text size="sm" c="dimmed" p="md">These two differ in too much to be compared here. Compare them with a tool of your own.</Text>;
  return (
    <div className="diff-inside">
      {hunks.map((lines, place) => (
        <Fragment key={place}>
          {(place > 0 || (lines[0]?.before ?? lines[0]?.after ?? 1) > 1) && <div className="diff-gap">⋯ line {lines[0]?.after ?? lines[0]?.before}</div>}
          {lines.map((line, at) => <Row key={at} line={line} />)}
        </Fragment>
      ))}
    </div>
  );
}

function Row({ line: { sign, before, after, pieces } }: { line: DiffLine }) {
  return (
    <div className="diff-row" data-sign={sign}>
      <span className="diff-number" aria-hidden>{before}</span>
      <span className="diff-number" aria-hidden>{after}</span>
      <span className="diff-sign">{sign}</span>
      <code>{pieces.map(({ text, differs }, place) => (differs ? <span key={place} className="diff-word">{text}</span> : text))}</code>
    </div>
  );
}
