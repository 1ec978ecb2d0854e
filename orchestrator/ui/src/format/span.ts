// Lengths of time that people have declared, as they would write them.

const UNITS: [number, string][] = [[86_400_000_000, "d"], [3_600_000_000, "h"], [60_000_000, "min"], [1_000_000, "s"], [1_000, "ms"]];

/** `3 d`, `30 h`, `90 min`: in the largest unit that it is a whole number of. */
export function span(us: number): string {
  const [size, unit] = UNITS.find(([size]) => us >= size && us % size === 0) ?? [1, "µs"];
  return `${us / size} ${unit}`;
}
