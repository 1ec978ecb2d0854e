// The rows of a long table that scrolls with the page: of many, only those that are seen are in it.
import { Table } from "@mantine/core";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";

interface Props<T> {
  rows: readonly T[];
  /** The row as a `<Table.Tr>` with what it is given as its attributes. */
  row: (row: T, attributes: RowAttributes) => ReactNode;
  columns: number;
  /** About how tall a row is, in pixels; rows are measured. */
  tall: number;
  /** Called when the last rows come near. */
  more?: () => void;
}

export interface RowAttributes {
  ref?: (element: HTMLTableRowElement | null) => void;
  "data-index"?: number;
}

/** Fewer rows are simply drawn: the browser's own search finds them all. */
const VIRTUAL_FROM = 150;
/** Rows that are left when more are asked for. */
const AHEAD = 40;

export function WindowRows<T>({ rows, row, columns, tall, more }: Props<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  const virtual = rows.length >= VIRTUAL_FROM;
  // What stands above the table comes and goes.
  useLayoutEffect(() => {
    const place = body.current?.getBoundingClientRect().top;
    if (virtual && place !== undefined) setTop(Math.round(place + window.scrollY));
  });
  const seen = useWindowVirtualizer({ count: virtual ? rows.length : 0, estimateSize: () => tall, overscan: 15, scrollMargin: top });
  const items = seen.getVirtualItems();
  const last = items[items.length - 1];
  const near = !virtual || (last !== undefined && last.index >= rows.length - AHEAD);
  useEffect(() => {
    if (near) more?.();
  }, [near, rows.length, more]);

  if (!virtual) return <Table.Tbody ref={body}>{rows.map((given) => row(given, {}))}</Table.Tbody>;
  const above = (items[0]?.start ?? top) - top;
  const below = seen.getTotalSize() - ((last?.end ?? top) - top);
  return (
    <Table.Tbody ref={body}>
      <Space height={above} columns={columns} />
      {items.map(({ index }) => {
        const given = rows[index];
        return given === undefined ? null : row(given, { ref: seen.measureElement, "data-index": index });
      })}
      <Space height={below} columns={columns} />
    </Table.Tbody>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  return height <= 0 ? null : <tr aria-hidden><td colSpan={columns} style={{ height, padding: 0, border: 0 }} /></tr>;
}
