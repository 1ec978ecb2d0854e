// What stands in the fields of a new backfill, and the request that it makes.
import type { Schema } from "../../api/types";
import { paramPointer } from "../../api/refusal";
import { type Draft, type Param, readDraft } from "../../format/params";
import { instantOf } from "../../format/zone";

export type Request = Schema<"BackfillRequest">;

export interface Form {
  /** Wall clocks in the zone. */
  from: string;
  to: string;
  /** None: the DAG's. */
  zone: string | null;
  reprocess: NonNullable<Request["reprocess"]>;
  parallel: number | string;
  priority: number | string;
  backwards: boolean;
  note: string;
  draft: Draft;
}

export const EMPTY_FORM: Form = {
  from: "",
  to: "",
  zone: null,
  reprocess: "missing",
  parallel: 4,
  priority: -5,
  backwards: false,
  note: "",
  draft: {},
};

/** The request, or what is missing for one, by JSON pointer. */
export function readForm(dag: string | null, form: Form & { zone: string }, params: readonly Param[]): { request: Request | null; errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const from = instantOf({ wall: form.from, zone: form.zone });
  const to = instantOf({ wall: form.to, zone: form.zone });
  const read = readDraft(params, form.draft);
  for (const [name, word] of Object.entries(read.errors)) errors[paramPointer(name)] = word;
  if (dag === null) errors["/dag"] = "Choose a DAG.";
  if (from === null) errors["/from"] = "Say from when on.";
  if (from !== null && to !== null && to <= from) errors["/to"] = "It must be later than where the range begins.";
  if (dag === null || from === null || Object.keys(errors).length > 0) return { request: null, errors };
  const { reprocess, backwards } = form;
  const request: Request = { dag, from, reprocess, backwards };
  if (to !== null) request.to = to;
  if (typeof form.parallel === "number") request.parallel = form.parallel;
  if (typeof form.priority === "number") request.priority = form.priority;
  if (form.note.trim() !== "") request.note = form.note.trim();
  if (Object.keys(read.params).length > 0) request.params = read.params;
  return { request, errors };
}
