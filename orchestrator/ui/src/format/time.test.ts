import { expect, test } from "vitest";
import { between, distance, duration, wholeInstant } from "./time";

test("durations are written with the two units that say most", () => {
  const ms = [-5, 0, 850, 12_340, 59_999, 245_000, 12_000_000, 187_200_000];
  expect(ms.map(duration)).toEqual(["0 ms", "0 ms", "850 ms", "12.3 s", "60.0 s", "4 min 05 s", "3 h 20 min", "2 d 4 h"]);
});

test("an instant on a day on which clocks jump has its offset", () => {
  expect(wholeInstant("2013-03-10T06:59:59Z", "America/New_York")).toBe("2013-03-10 01:59:59 EST (America/New_York)");
  expect(wholeInstant("2013-03-10T07:00:00Z", "America/New_York")).toBe("2013-03-10 03:00:00 EDT (America/New_York)");
});

test("distances look both ways", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const at = ["2026-01-01T00:00:01Z", "2026-01-01T00:04:00Z", "2025-12-31T21:00:00Z", "2025-12-20T00:00:00Z"];
  expect(at.map((one) => distance(one, now))).toEqual(["just now", "in 4 min", "3 h ago", "12 d ago"]);
});

test("what has not begun took no time, what has not ended took it until now", () => {
  expect(between(null, null, 5)).toBeNull();
  expect(between("1970-01-01T00:00:01Z", null, 3_000)).toBe(2_000);
});
