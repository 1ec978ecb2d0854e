// The builds of a view, newest first, a stretch of time at a time: the API lists them oldest first.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import type { View } from "../features/views";

export type Build = Schema<"BuildRecord">;

/** A stretch that has fewer is joined with the one before it. */
const ENOUGH = 60;
const PAGE = 500;
const STRETCH_MS = 60 * 86_400_000;

interface Stretch {
  builds: Build[];
  /** Where the next one ends; none: there is nothing older. */
  before: number | null;
}

export function useBuilds({ name, latest_build }: View) {
  const newest = latest_build == null ? null : Date.parse(latest_build.as_of);
  const oldest = useQuery({
    queryKey: ["views", name, "oldest"],
    queryFn: async () => (await pageOf(name, { limit: 1 })).builds[0] ?? null,
    staleTime: EVERY_MINUTE_MS,
    enabled: newest !== null,
  });
  const first = oldest.data == null ? null : Date.parse(oldest.data.as_of);
  return useInfiniteQuery({
    queryKey: ["views", name, "builds", latest_build?.as_of, first],
    queryFn: ({ pageParam }) => stretch(name, pageParam, first ?? pageParam),
    initialPageParam: newest ?? 0,
    getNextPageParam: (last) => last.before,
    enabled: newest !== null && first !== null,
    staleTime: EVERY_MINUTE_MS,
  });
}

/** From `to` backwards until there are enough. A stretch that is empty is followed by one twice as long. */
async function stretch(view: string, to: number, first: number): Promise<Stretch> {
  let builds: Build[] = [];
  let end = to;
  let long = STRETCH_MS;
  while (end >= first && builds.length < ENOUGH) {
    const found = await between(view, end - long + 1, end);
    builds = [...builds, ...found.reverse()];
    end -= long;
    long *= 2;
  }
  return { builds, before: end >= first ? end : null };
}

async function between(view: string, from: number, to: number): Promise<Build[]> {
  const builds: Build[] = [];
  let after: string | null | undefined;
  do {
    const page = await pageOf(view, { from: instant(from), to: instant(to), limit: PAGE, ...(after == null ? {} : { after }) });
    builds.push(...page.builds);
    after = page.next;
  } while (after != null);
  return builds;
}

function pageOf(view: string, query: { from?: string; to?: string; after?: string; limit: number }) {
  return ask(api.GET("/api/v1/views/{view}/builds", { params: { path: { view }, query } }));
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
