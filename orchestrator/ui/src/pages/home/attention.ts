// What needs somebody, in words: what it is, what to do about it, and where. To add a kind: an entry in `look`.
import { count } from "../../format/number";
import type { Schema } from "../../api/types";

export type Attention = Schema<"Attention">;

export interface Look {
  /** What it is about: the first, bold word. */
  subject: string;
  /** Goes on after the subject. */
  what: string;
  /** More of it, in the server's words. */
  detail?: string;
  advice: string;
  /** Where something can be done, and the word on the button. */
  to: string;
  verb: string;
  since?: string | null | undefined;
  sinceWord?: string;
  tone: "bad" | "warn" | "busy";
  /** Business time: the distance from now says nothing where it is simulated. */
  business?: boolean;
}

/** The order in which kinds are shown: what stops everything first. */
export const KINDS: Attention["kind"][] = ["project_problems", "failed_run", "overdue_run", "approval", "queue_without_worker", "late_firing", "stale_view"];

export function look(item: Attention): Look {
  switch (item.kind) {
    case "project_problems":
      return {
        subject: "The project's files", what: "have problems", detail: firstError(item.text), advice: "Mend them; the version before them stays live meanwhile.",
        to: "/project", verb: "See the files", tone: "bad",
      };
    case "failed_run":
      return {
        subject: item.dag, what: "failed", detail: item.reason, advice: "See why, mend it, and rerun what failed.",
        to: `/runs/${item.run_id}`, verb: "Open run", since: item.at, tone: "bad",
      };
    case "overdue_run":
      return {
        subject: item.dag, what: "is past its deadline", advice: "See what it waits for; cancel it if it hangs.",
        to: `/runs/${item.run_id}`, verb: "Open run", since: item.since, sinceWord: "due", tone: "warn",
      };
    case "approval":
      return {
        subject: `${item.dag}: ${item.task}`, what: `waits for ${item.words}`, advice: "Look at what came before it, then decide.",
        to: `/runs/${item.run_id}?task=${encodeURIComponent(item.task)}`, verb: "Decide", since: item.since, tone: "busy",
      };
    case "queue_without_worker":
      return {
        subject: `Queue ${item.queue}`, what: `has no worker: ${count(item.ready)} ${item.ready === 1 ? "task is" : "tasks are"} ready`, detail: labelWords(item.labels),
        advice: "Start a worker that takes from it.", to: "/workers", verb: "See queues", since: item.since, tone: "warn",
      };
    case "late_firing":
      return {
        subject: item.dag, what: "should have fired", advice: "A run that has not ended may hold it back; look at its newest runs.",
        to: `/dags/${item.dag}?tab=runs`, verb: "See runs", since: item.due, sinceWord: "due", tone: "warn", business: true,
      };
    case "stale_view":
      return {
        subject: item.view, what: item.as_of == null ? "was never published, and a live model reads it" : "is stale: its newest publication is older than its TTL",
        advice: "Run the DAG that publishes it; until then predictions get none of its features.",
        to: `/features/${item.view}`, verb: "See view", since: item.fresh_until ?? item.as_of, sinceWord: item.fresh_until == null ? "as of" : "fresh until", tone: "warn", business: true,
      };
  }
}

/** The first problem that keeps the project from being deployed, and where it is: `extra.yaml:38:3: …`. */
function firstError(text: string): string {
  const lines = text.split("\n");
  const place = Math.max(0, lines.findIndex((line) => line.startsWith("error[")));
  const message = lines[place]?.replace(/^error\[\w+\]: /, "") ?? "";
  const at = lines.slice(place + 1).find((line) => line.includes("--> "));
  return at === undefined ? message : `${at.slice(at.indexOf("--> ") + 4).trim()}: ${message}`;
}

function labelWords(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "" : `It must have the labels ${pairs.join(", ")}.`;
}
