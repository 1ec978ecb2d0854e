// Short names for the types of the API's document.
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Schema<Name extends keyof Schemas> = Schemas[Name];

export type RunState = Schema<"RunStatus">;
export type TaskState = Schema<"TaskStatus">;
export type Role = Schema<"Role">;
export type Problem = Schema<"ProblemDetails">;
export type RunSummary = Schema<"RunSummary">;
export type RunDetail = Schema<"RunDetail">;
export type TaskRun = Schema<"TaskRunView">;
export type DagView = Schema<"DagView">;
