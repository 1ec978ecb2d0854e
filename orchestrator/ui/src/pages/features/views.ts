// All feature views of the live version, as they stand: what the list shows and each view's own page.
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";

export type View = Schema<"ViewStanding">;

/** A page of the API holds at most so many. */
const PAGE = 500;

async function readViews(): Promise<View[]> {
  const views: View[] = [];
  let after: string | null | undefined;
  do {
    const query = { limit: PAGE, ...(after == null ? {} : { after }) };
    const page = await ask(api.GET("/api/v1/views", { params: { query } }));
    views.push(...page.views);
    after = page.next;
  } while (after != null);
  return views;
}

export function useViews() {
  return useQuery({ queryKey: ["views", "all"], queryFn: readViews, refetchInterval: EVERY_MINUTE_MS });
}
