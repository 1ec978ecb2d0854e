// What is known of one model: its aliases, its versions and the moves of its aliases, the last two page by page.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";

export type Version = Schema<"ModelVersionRecord">;
export type Move = Schema<"AliasHistoryEntry">;
export type Model = Schema<"ModelSummary">;

/** The model's line of the list: there is none for it alone. */
export function useModel(name: string) {
  return useQuery({
    queryKey: ["models", name, "summary"],
    queryFn: async (): Promise<Model | null> => {
      let after: string | null | undefined;
      do {
        const page = await ask(api.GET("/api/v1/models", { params: { query: { limit: 500, ...(after == null ? {} : { after }) } } }));
        const found = page.models.find((model) => model.name === name);
        if (found !== undefined) return found;
        after = page.next;
      } while (after != null);
      return null;
    },
    refetchInterval: EVERY_MINUTE_MS,
  });
}

export function useVersions(model: string) {
  return useInfiniteQuery({
    queryKey: ["models", model, "versions"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/models/{model}/versions", { params: { path: { model }, query: { limit: 200, ...(pageParam === null ? {} : { before: pageParam }) } } })),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
}

export function useMoves(model: string) {
  return useInfiniteQuery({
    queryKey: ["models", model, "moves"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/models/{model}/history", { params: { path: { model }, query: pageParam === null ? {} : { before: pageParam } } })),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
}

/** All of them, the newest first: where an alias is to go back to follows from its whole way. */
export function useAllMoves(model: string) {
  return useQuery({
    queryKey: ["models", model, "all-moves"],
    queryFn: async (): Promise<Move[]> => {
      const moves: Move[] = [];
      let before: number | null | undefined;
      do {
        const page = await ask(api.GET("/api/v1/models/{model}/history", { params: { path: { model }, query: { limit: 500, ...(before == null ? {} : { before }) } } }));
        moves.push(...page.moves);
        before = page.next;
      } while (before != null);
      return moves;
    },
    refetchInterval: EVERY_MINUTE_MS,
  });
}

/** Versions never change. */
export function useVersion(model: string, version: number | null | undefined) {
  return useQuery({
    queryKey: ["models", model, "version", version],
    queryFn: () => ask(api.GET("/api/v1/models/{model}/versions/{version}", { params: { path: { model, version: version ?? 0 } } })),
    enabled: version != null,
    staleTime: Infinity,
  });
}
