// A DAG as it is declared now: its parameters and its zone. These change with a deployment only, so no run makes them old.
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { api, ask } from "./client";
import { EVERY_MINUTE_MS } from "./queries";
import type { Schema } from "./types";

export function useDeclared(dag: string | null | undefined): UseQueryResult<Schema<"DagDetail">> {
  return useQuery({
    queryKey: ["project", "dag", dag],
    queryFn: () => ask(api.GET("/api/v1/dags/{dag}", { params: { path: { dag: dag ?? "" } } })),
    enabled: dag != null && dag !== "",
    staleTime: EVERY_MINUTE_MS,
  });
}

/** The zone of its first schedule. */
export function zoneOf(dag: Pick<Schema<"DagDetail">, "schedules"> | undefined): string | undefined {
  return dag?.schedules[0]?.timezone;
}

/** The names of all DAGs. */
export function useDagNames(): UseQueryResult<string[]> {
  return useQuery({ queryKey: ["project", "dag-names"], queryFn: dagNames, staleTime: EVERY_MINUTE_MS });
}

async function dagNames(): Promise<string[]> {
  const names: string[] = [];
  let after: string | null | undefined;
  do {
    const query: { limit: number; after?: string } = after == null ? { limit: 500 } : { limit: 500, after };
    const page = await ask(api.GET("/api/v1/dags", { params: { query } }));
    names.push(...page.dags.map(({ name }) => name));
    after = page.next;
  } while (after != null);
  return names;
}
