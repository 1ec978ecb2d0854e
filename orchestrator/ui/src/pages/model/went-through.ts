// The way of an alias to the version that it points at, as `daybreak rollback` sees it.
import type { Move } from "./use-model";

/** The versions that an alias went through, the last being the one it points at. One that it went back from is not among them:
 * going back twice leads two versions back. */
export function wentThrough(newestFirst: readonly Pick<Move, "alias" | "to">[], alias: string): number[] {
  let way: number[] = [];
  for (const move of newestFirst.toReversed()) {
    if (move.alias !== alias) continue;
    const place = way.indexOf(move.to);
    way = place < 0 ? [...way, move.to] : way.slice(0, place + 1);
  }
  return way;
}
