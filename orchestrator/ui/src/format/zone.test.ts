// Wall clocks and instants on the days on which clocks change.
import { expect, test } from "vitest";
import { instantOf, wallClock } from "./zone";

const NEW_YORK = "America/New_York";

test("a wall clock means the instant at which it hangs there", () => {
  expect(instantOf({ wall: "2013-02-01T00:00", zone: NEW_YORK })).toBe("2013-02-01T05:00:00Z");
  expect(instantOf({ wall: "2013-07-01T00:00", zone: NEW_YORK })).toBe("2013-07-01T04:00:00Z");
  expect(instantOf({ wall: "2013-02-01T06:30:15", zone: "UTC" })).toBe("2013-02-01T06:30:15Z");
  expect(wallClock("2013-02-01T05:00:00Z", NEW_YORK)).toBe("2013-02-01T00:00:00");
});

test("near a change what is skipped is moved on, and of what comes twice the first counts", () => {
  expect(instantOf({ wall: "2013-03-10T01:30", zone: NEW_YORK })).toBe("2013-03-10T06:30:00Z");
  expect(instantOf({ wall: "2013-03-10T03:30", zone: NEW_YORK })).toBe("2013-03-10T07:30:00Z");
  expect(instantOf({ wall: "2013-03-10T02:30", zone: NEW_YORK })).toBe("2013-03-10T07:30:00Z");
  expect(instantOf({ wall: "2013-11-03T01:30", zone: NEW_YORK })).toBe("2013-11-03T05:30:00Z");
});

test("what is no wall clock is no instant", () => {
  expect(instantOf({ wall: "", zone: NEW_YORK })).toBeNull();
  expect(instantOf({ wall: "tomorrow", zone: NEW_YORK })).toBeNull();
});
