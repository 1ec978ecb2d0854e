// Weeks begin on Mondays, also over the ends of months and years.
import { expect, it } from "vitest";
import { dayNumber, dayOf, isDay, monday, plusDays, rangeWords } from "./days";

it("finds the Monday of a week", () => {
  expect(["2013-03-10", "2013-03-11", "2013-01-01", "2024-02-29"].map(monday)).toEqual(["2013-03-04", "2013-03-11", "2012-12-31", "2024-02-26"]);
});

it("counts days over months and leap years", () => {
  expect([plusDays("2013-02-28", 1), plusDays("2012-02-28", 1), plusDays("2013-01-01", -1)]).toEqual(["2013-03-01", "2012-02-29", "2012-12-31"]);
});

it("knows the date that a zone's clock shows", () => {
  expect([dayOf("2013-03-10T03:00:00Z", "America/New_York"), dayOf("2013-03-10T03:00:00Z", "Asia/Tokyo")]).toEqual(["2013-03-09", "2013-03-10"]);
});

it("takes no other text for a day", () => {
  expect([isDay("2013-03-10"), isDay("2013-13-40"), isDay("yesterday"), isDay(null)]).toEqual([true, false, false, false]);
});

it("names ranges and days", () => {
  expect([rangeWords("2012-12-31", "2013-01-27"), dayNumber("2013-04-01", false), dayNumber("2013-04-02", false)]).toEqual(["31 Dec 2012 – 27 Jan 2013", "1 Apr", "2"]);
});
