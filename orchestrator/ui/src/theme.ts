// Colours and defaults of every component, light and dark. A state has one colour and one sign, here and nowhere else.
import { createTheme, type MantineColorsTuple } from "@mantine/core";
import type { RunState, TaskState } from "./api/types";

const dawn: MantineColorsTuple = [
  "#f1effc", "#ddd8f3", "#bbb0e8", "#9785de", "#7860d5", "#6449d0", "#5a3ccd", "#4a2fb6", "#4229a4", "#372090",
];

export const theme = createTheme({
  primaryColor: "dawn",
  primaryShade: { light: 6, dark: 4 },
  colors: { dawn },
  defaultRadius: "md",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.125rem" }, h3: { fontSize: "1rem" } } },
  cursorType: "pointer",
  autoContrast: true,
});

export type AnyState = RunState | TaskState;

interface Look {
  /** For people. */
  word: string;
  /** CSS colour, readable on light and dark surfaces. */
  color: string;
  /** A sign beside the colour, for those who do not see it. */
  sign: string;
}

// The order is the one in which states are listed.
export const STATES: Record<AnyState, Look> = {
  waiting: { word: "waiting", color: "var(--state-waiting)", sign: "·" },
  queued: { word: "queued", color: "var(--state-ready)", sign: "≡" },
  ready: { word: "ready", color: "var(--state-ready)", sign: "≡" },
  running: { word: "running", color: "var(--state-running)", sign: "▶" },
  deferred: { word: "deferred", color: "var(--state-deferred)", sign: "‖" },
  retry_wait: { word: "waits to retry", color: "var(--state-retry)", sign: "↻" },
  succeeded: { word: "succeeded", color: "var(--state-succeeded)", sign: "✓" },
  failed: { word: "failed", color: "var(--state-failed)", sign: "✕" },
  skipped: { word: "skipped", color: "var(--state-skipped)", sign: "»" },
  upstream_failed: { word: "upstream failed", color: "var(--state-upstream)", sign: "⊘" },
  cancelled: { word: "cancelled", color: "var(--state-cancelled)", sign: "■" },
};
