// What became of a feature at a read, in words: the online store's own words are for programs.
import type { Schema } from "../api/types";
import { Sign } from "./sign";

type Status = Schema<"FeatureStatus">;

const WORDS = {
  PRESENT: ["good", "present"],
  NULL_VALUE: ["warn", "null"],
  NOT_FOUND: ["warn", "not found"],
  OUTSIDE_MAX_AGE: ["bad", "too old"],
} as const;

export function FeatureSign({ status }: { status: Status }) {
  const [tone, word] = WORDS[status];
  return <Sign tone={tone}>{word}</Sign>;
}
