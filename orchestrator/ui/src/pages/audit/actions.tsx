// The words of the audit for people, and where what they were done to can be looked at.
import { Badge } from "@mantine/core";
import "./audit.css";

const WORDS: Record<string, string> = {
  trigger: "triggered", pause: "paused", resume: "resumed", cancel: "cancelled", rerun: "reran", clear: "cleared", mark: "marked",
  approve: "approved", reject: "rejected", promote: "promoted", deploy: "applied", refused: "was refused",
  backfill: "started a backfill", "backfill paused": "paused a backfill", "backfill running": "resumed a backfill", "backfill cancelled": "cancelled a backfill",
  token_create: "made a token", token_revoke: "revoked a token",
};

export function ActionSign({ action }: { action: string }) {
  const color = action === "refused" ? "red" : ["cancel", "reject", "token_revoke"].includes(action) ? "orange" : "gray";
  return <Badge variant="light" color={color} tt="none" miw="max-content">{WORDS[action] ?? action.replaceAll("_", " ")}</Badge>;
}

/** Where the subject of an action has its page; none where it has none. */
export function subjectAddress(action: string, subject: string): string | null {
  if (["trigger", "cancel", "rerun", "clear", "mark", "approve", "reject"].includes(action)) return `/runs/${subject}`;
  if (action.startsWith("backfill")) return `/backfills/${subject}`;
  if (action === "pause" || action === "resume") return `/dags/${subject}`;
  if (action === "promote") return `/models/${subject}`;
  if (action === "deploy") return "/project?tab=versions";
  if (action.startsWith("token")) return "/settings";
  return null;
}
