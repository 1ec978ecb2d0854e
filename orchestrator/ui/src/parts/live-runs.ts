// A long list of runs that is live: its newest runs are read again with every change, the older ones only where that is needed
// (ten thousand of them are not read every two seconds because one task has ended).
import { type InfiniteData, type QueryKey, useInfiniteQuery, type UseInfiniteQueryResult, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import type { RunState } from "../api/types";

interface RunsPage {
  runs: readonly { id: string; state: RunState }[];
  next?: string | null;
}

interface Options<P> {
  /** Of the newest ones; its first word says what makes them old. */
  queryKey: QueryKey;
  /** A page of runs that are older than `before`. */
  read: (before: string | undefined, limit: number) => Promise<P>;
  /** Runs of a page of older ones. */
  limit: number;
}

export interface LiveRuns<P> {
  /** The newest first; no run is in them twice. None until the first ones are there. */
  pages: P[] | undefined;
  newest: UseQueryResult<P>;
  older: UseInfiniteQueryResult<InfiniteData<P>>;
  /** Reads more; does nothing where there is no more, it is being read, or it could not be read: then by hand. */
  more: () => void;
}

const NEWEST = 50;
const MOST_READ_AT_ONCE = 4;
/** Between two readings of many pages. */
const SELDOM_MS = 20_000;

export function useLiveRuns<P extends RunsPage>({ queryKey, read, limit }: Options<P>): LiveRuns<P> {
  const newest = useQuery({ queryKey: [...queryKey, "newest"], queryFn: () => read(undefined, NEWEST) });
  const older = useInfiniteQuery({
    queryKey: ["older", ...queryKey],
    queryFn: ({ pageParam }) => read(pageParam, limit),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: P) => page.next ?? undefined,
  });
  const pages = useMemo(() => joined(newest.data, older.data?.pages ?? []), [newest.data, older.data]);

  const { refetch, isFetching, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchNextPageError } = older;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  const before = useRef(newest.data);
  useEffect(() => {
    const same = before.current === newest.data;
    before.current = newest.data;
    const known = older.data?.pages;
    if (newest.data === undefined || known === undefined || isFetching) return;
    if (hasGap(newest.data, known)) return void refetch();
    if (newest.dataUpdatedAt <= dataUpdatedAt) return;
    // What has changed, if the newest are the same, is an older one: an ended run that runs again, say. If they are not, older
    // ones may have changed too, and are read in a while.
    const soon = known.length <= MOST_READ_AT_ONCE && (same || hasActive(pages?.slice(1) ?? []));
    const waiting = setTimeout(() => void refetch(), soon ? 0 : Math.max(0, dataUpdatedAt + SELDOM_MS - Date.now()));
    return () => clearTimeout(waiting);
    // Only what the newest ones say can make the older ones old.
  }, [newest.dataUpdatedAt]);

  return { pages, newest, older, more };
}

/** Ids rise with time: what is in reach of the newest page is there or has left the list. */
function joined<P extends RunsPage>(newest: P | undefined, older: readonly P[]): P[] | undefined {
  if (newest === undefined) return undefined;
  const reach = newest.runs[newest.runs.length - 1]?.id;
  if (newest.next == null || reach === undefined) return [newest];
  return [newest, ...older.map((page) => ({ ...page, runs: page.runs.filter(({ id }) => id < reach) }))];
}

/** More runs have come since the older ones were read than the newest page holds. */
function hasGap(newest: RunsPage, older: readonly RunsPage[]): boolean {
  const reach = newest.runs[newest.runs.length - 1]?.id;
  const first = older[0]?.runs[0]?.id;
  return newest.next != null && reach !== undefined && (first === undefined || first < reach);
}

function hasActive(pages: readonly RunsPage[]): boolean {
  return pages.some(({ runs }) => runs.some(({ state }) => state === "queued" || state === "running"));
}
