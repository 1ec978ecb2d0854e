// A value as a tree that can be closed and opened. Long texts and lists show their beginning; a button copies the whole.
import { ActionIcon, CopyButton } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useState } from "react";
import "./json-view.css";

/** Deeper ones, and those with more entries, are closed at first. */
const OPEN_DEPTH = 2;
const MOST_OPEN = 30;
const PAGE = 100;
const MOST_OF_A_TEXT = 400;

export function JsonView({ value, label }: { value: unknown; label: string }) {
  return (
    <div className="json" role="group" aria-label={label}>
      <CopyButton value={JSON.stringify(value, null, 2)}>
        {({ copied, copy }) => (
          <ActionIcon className="json-copy" variant="subtle" color="gray" size="sm" onClick={copy} aria-label={copied ? "Copied" : `Copy ${label} as JSON`}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        )}
      </CopyButton>
      {isBranch(value) ? <Entries value={value} depth={0} /> : <Leaf value={value} />}
    </div>
  );
}

function isBranch(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function Entries({ value, depth }: { value: object; depth: number }) {
  const [shown, setShown] = useState(PAGE);
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="muted">{Array.isArray(value) ? "[ ]" : "{ }"}</span>;
  return (
    <ul>
      {entries.slice(0, shown).map(([name, entry]) => (
        <li key={name}>{isBranch(entry) && Object.keys(entry).length > 0 ? <Branch name={name} value={entry} depth={depth + 1} /> : <><Name name={name} /><Leaf value={entry} /></>}</li>
      ))}
      {entries.length > shown && <li><button type="button" onClick={() => setShown(shown + 10 * PAGE)}>{entries.length - shown} more</button></li>}
    </ul>
  );
}

function Branch({ name, value, depth }: { name: string; value: object; depth: number }) {
  const many = Object.keys(value).length;
  const [open, setOpen] = useState(depth < OPEN_DEPTH && many <= MOST_OPEN);
  return (
    <>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="json-arrow" aria-hidden>{open ? "▾" : "▸"}</span>
        <Name name={name} />
        <span className="muted">{Array.isArray(value) ? `[${many}]` : `{${many}}`}</span>
      </button>
      {open && <Entries value={value} depth={depth} />}
    </>
  );
}

function Name({ name }: { name: string }) {
  return <span className="json-name">{name}: </span>;
}

function Leaf({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value === "string") {
    const cut = !whole && value.length > MOST_OF_A_TEXT;
    return (
      <span className="json-text">
        "{cut ? `${value.slice(0, MOST_OF_A_TEXT)}…` : value}"
        {cut && <button type="button" onClick={() => setWhole(true)}>all {value.length.toLocaleString("en")} letters</button>}
      </span>
    );
  }
  if (isBranch(value)) return <span className="muted">{Array.isArray(value) ? "[ ]" : "{ }"}</span>;
  return <span className="json-plain">{String(value)}</span>;
}
