// What made a run, in words.
import type { Schema } from "../api/types";

export const TRIGGERS: Record<Schema<"Trigger">, string> = {
  schedule: "schedule",
  manual: "by hand",
  backfill: "backfill",
  after: "after a run",
  update: "update of data",
  alert: "alert",
};
