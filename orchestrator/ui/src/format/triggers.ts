// What made a run, in words.
import type { Schema } from "../api/types";

const WORDS: Record<Schema<"Trigger">, string> = {
  schedule: "schedule",
  manual: "by hand",
  backfill: "backfill",
  after: "after a run",
  update: "update of data",
  alert: "alert",
};

/** `schedule`, `by hand`, or what it followed from. */
export function triggerWords({ trigger, followed }: { trigger: Schema<"Trigger">; followed?: string | null }): string {
  return followed ?? WORDS[trigger];
}
