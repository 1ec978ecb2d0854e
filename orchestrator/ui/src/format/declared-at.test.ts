import { expect, test } from "vitest";
import { declaredAt } from "./declared-at";

const files = [
  { path: "a.yaml", text: "models:\n  nightly: {}\n" },
  { path: "b.yaml", text: "# dags:\ndags:\n  other:\n    tasks: {}\n  nightly:\n    tasks: {}\nmodels: {}\n" },
  { path: "c.yaml", text: "dags: { short: { tasks: {} } }\n" },
];

test("a name is found in its own section", () => expect(declaredAt(files, "dags", "nightly")).toEqual({ path: "b.yaml", line: 5 }));
test("also on the section's own line", () => expect(declaredAt(files, "dags", "short")).toEqual({ path: "c.yaml", line: 1 }));
test("and not where there is none", () => expect(declaredAt(files, "dags", "none")).toBeNull());
