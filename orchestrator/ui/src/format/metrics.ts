// Which way a metric gets better.

const WAYS: Record<string, "up" | "down"> = { auc: "up", r2: "up", log_loss: "down", brier: "down", rmse: "down" };

/** `better`, `worse` or `same` of a metric that was `before` and is `after`; none where nobody can tell. */
export function judged(name: string, before: number, after: number): "better" | "worse" | "same" | null {
  if (before === after) return "same";
  const way = WAYS[name];
  if (way === undefined) return null;
  return after > before === (way === "up") ? "better" : "worse";
}
