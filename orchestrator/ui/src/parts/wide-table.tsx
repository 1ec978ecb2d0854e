// A table that scrolls sideways in its own place where it does not fit, also by keyboard; long ones hold in the page only
// the rows that are seen.
import { Table } from "@mantine/core";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import "./wide-table.css";

interface Props {
  /** What it shows, for those who do not see it. */
  label: string;
  /** Narrower than this it scrolls. */
  minWidth?: number;
  head: ReactNode;
  children: ReactNode;
}

export function WideTable({ label, minWidth = 640, head, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = new ResizeObserver(() => setScrolls(element.scrollWidth > element.clientWidth));
    look.observe(element);
    return () => look.disconnect();
  }, []);
  // Only what scrolls is worth a stop of the keyboard.
  const stop = scrolls ? { tabIndex: 0, role: "region", "aria-label": label } : {};
  return (
    <div ref={box} className="wide-table" {...stop}>
      <Table aria-label={label} miw={minWidth} highlightOnHover verticalSpacing={7} horizontalSpacing="md">
        <Table.Thead><Table.Tr>{head}</Table.Tr></Table.Thead>
        {children}
      </Table>
    </div>
  );
}

/** Fewer rows than this are simply drawn: the browser's own search finds them all. */
const VIRTUAL_FROM = 150;

interface RowsProps<T> {
  rows: readonly T[];
  /** A guess; rows are measured. */
  height?: number;
  columns: number;
  draw: (row: T, place: number, measure: Measure) => ReactNode;
}

/** What the drawn `Table.Tr` takes as its attributes. */
export interface Measure {
  ref?: (element: HTMLTableRowElement | null) => void;
  "data-index"?: number;
}

/** The body of a long table that scrolls with the page. */
export function VirtualRows<T>({ rows, height = 44, columns, draw }: RowsProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  const virtual = rows.length >= VIRTUAL_FROM;
  // What stands above the table comes and goes.
  useLayoutEffect(() => {
    if (virtual && body.current !== null) setTop(Math.round(body.current.getBoundingClientRect().top + window.scrollY));
  });
  const seen = useWindowVirtualizer({ count: virtual ? rows.length : 0, estimateSize: () => height, overscan: 20, scrollMargin: top });
  if (!virtual) return <Table.Tbody>{rows.map((row, place) => draw(row, place, {}))}</Table.Tbody>;
  const items = seen.getVirtualItems();
  const above = (items[0]?.start ?? top) - top;
  const below = seen.getTotalSize() - ((items.at(-1)?.end ?? top) - top);
  return (
    <Table.Tbody ref={body}>
      <Space height={above} columns={columns} />
      {items.map(({ index }) => {
        const row = rows[index];
        return row === undefined ? null : draw(row, index, { ref: seen.measureElement, "data-index": index });
      })}
      <Space height={below} columns={columns} />
    </Table.Tbody>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  return height <= 0 ? null : <tr aria-hidden><td colSpan={columns} style={{ height, padding: 0, border: 0 }} /></tr>;
}
