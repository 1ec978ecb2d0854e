// The attempts of a run: how they are read, and how long each was queued and ran.
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { Schema } from "../../api/types";

export type Attempt = Schema<"AttemptView">;

/** More are not drawn; what they are of is in the list of each task. */
const MOST = 10_000;
const PAGE = 500;

/** The attempts of one task, or of all but items. */
export function useAttempts(run: string, task?: string): UseQueryResult<Attempt[]> {
  return useQuery({ queryKey: ["run", run, "attempts", task ?? null], queryFn: () => attemptsOf(run, task) });
}

async function attemptsOf(run: string, task: string | undefined): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  let after: string | null | undefined;
  do {
    const query = { limit: PAGE, ...(task === undefined ? {} : { task }), ...(after == null ? {} : { after }) };
    const page = await ask(api.GET("/api/v1/runs/{run}/attempts", { params: { path: { run }, query } }));
    attempts.push(...page.attempts);
    after = page.next;
  } while (after != null && attempts.length < MOST);
  return attempts;
}
