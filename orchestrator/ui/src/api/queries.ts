// How answers are kept. The first word of a key says what makes them old (`api/live.tsx`): `run` and `dag` changes of that run
// and DAG, `runs` any change of a run, `active` any change at all. What no event tells of is read again once a minute.
import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./client";

export const EVERY_MINUTE_MS = 60_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (count) => Math.min(500 * 2 ** count, 5_000),
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});
