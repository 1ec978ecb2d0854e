// Days as plain dates (`2013-03-10`), without a zone; and in which of them an instant falls.
import { wallClock } from "../../format/zone";

const DAY_MS = 86_400_000;

/** Weeks that are shown at once. */
export const WEEKS = 4;

export function plusDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** The Monday of a day's week. */
export function monday(day: string): string {
  return plusDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));
}

export function isDay(text: string | null): text is string {
  return text !== null && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
}

/** The date that a clock in the zone shows. */
export function dayOf(at: number | string, zone: string): string {
  return wallClock(at, zone).slice(0, 10);
}

const LONG = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** `Sunday 10 March 2013`. */
export function dayWords(day: string): string {
  return LONG.format(new Date(`${day}T00:00:00Z`));
}

/** `11 Mar – 7 Apr 2013`. */
export function rangeWords(first: string, last: string): string {
  const year = (day: string) => day.slice(0, 4);
  const short = (day: string) => SHORT.format(new Date(`${day}T00:00:00Z`));
  return `${short(first)}${year(first) === year(last) ? "" : ` ${year(first)}`} – ${short(last)} ${year(last)}`;
}

/** `1`, and `1 Apr` where a month begins. */
export function dayNumber(day: string, first: boolean): string {
  return first || day.endsWith("-01") ? SHORT.format(new Date(`${day}T00:00:00Z`)) : String(Number(day.slice(8)));
}
