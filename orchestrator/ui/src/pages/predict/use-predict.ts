// Asks for a prediction, and remembers those of this session: in memory only, for a row can say something of a person.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, api, ask, fetchWithToken, refused } from "../../api/client";
import type { Schema } from "../../api/types";
import type { Texts } from "./fields";

export type Answer = Schema<"PredictionAnswer">;
export type PredictionRecord = Schema<"PredictionRecord">;

export interface Made {
  model: string;
  /** The instant of the answer, in this browser. */
  at: string;
  texts: Texts;
  answer: Answer;
  /** From the request to the answer, as this browser saw it. */
  tookMs: number;
}

const SESSION = ["predictions", "session"] as const;
const MOST = 20;

export function useMade(): Made[] {
  return useQuery<Made[]>({ queryKey: SESSION, queryFn: () => [], enabled: false, initialData: [], staleTime: Infinity, gcTime: Infinity }).data;
}

export function usePredict(model: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ body, texts }: { body: string; texts: Texts }): Promise<Made> => {
      const began = performance.now();
      const init = { method: "POST", headers: { "content-type": "application/json" }, body };
      const response = await fetchWithToken(`${location.origin}/v1/models/${encodeURIComponent(model)}/predict`, init);
      const said: unknown = await response.json().catch(() => null);
      const tookMs = performance.now() - began;
      if (!response.ok) throw refused(said, response);
      return { model, at: new Date().toISOString(), texts, answer: said as Answer, tookMs };
    },
    onSuccess: (made) => queries.setQueryData<Made[]>(SESSION, (before = []) => [made, ...before].slice(0, MOST)),
  });
}

/** A prediction out of the log, which has one that was just made a moment after its answer. */
export function useRecord(id: string | null, justMade: boolean) {
  return useQuery({
    queryKey: ["predictions", "record", id],
    queryFn: () => ask(api.GET("/v1/predictions/{id}", { params: { path: { id: id ?? "" } } })),
    enabled: id !== null,
    staleTime: Infinity,
    retry: (count, error) => justMade && count < 6 && error instanceof ApiError && error.status === 404,
    retryDelay: 250,
  });
}
