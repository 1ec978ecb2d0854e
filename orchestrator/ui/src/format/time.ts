// Instants and durations as texts. Instants are shown in the viewer's zone; the DAG's zone and UTC stand in the tooltip.

const DAY_MS = 86_400_000;

/** `10:31` today, `Mar 9, 10:31` this year, `2013-03-09 10:31` otherwise; with seconds where they are asked for. */
export function instant(at: string, zone?: string, seconds = false): string {
  const date = new Date(at);
  const part = parts(date, zone);
  const now = parts(new Date(), zone);
  const time = seconds ? `${part.hour}:${part.minute}:${part.second}` : `${part.hour}:${part.minute}`;
  if (part.year === now.year && part.month === now.month && part.day === now.day) return time;
  if (part.year === now.year) return `${formatOf("day", zone).format(date)}, ${time}`;
  return `${part.year}-${part.month}-${part.day} ${time}`;
}

/** `2013-03-10 03:00:00 GMT-4 (America/New_York)`. */
export function wholeInstant(at: string, zone?: string): string {
  const part = parts(new Date(at), zone);
  const named = formatOf("zone", zone).formatToParts(new Date(at));
  const name = named.find(({ type }) => type === "timeZoneName")?.value ?? "";
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${name}${zone === undefined ? "" : ` (${zone})`}`;
}

/** The viewer's zone. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** `850 ms`, `12.3 s`, `4 min 05 s`, `3 h 20 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(ms / DAY_MS)} d ${Math.round((ms % DAY_MS) / 3_600_000)} h`;
}

const MINUTE_MS = 60_000;

/** Distances between durations that read well: 1, 2, 5, 10 ms … 15 s, 30 s, 1 min … 6 h, 1 d …, in milliseconds. */
export const DURATION_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * DAY_MS),
];

/** `in 4 min`, `3 h ago`, `just now`. */
export function distance(at: string, now: number): string {
  const ms = new Date(at).getTime() - now;
  const far = Math.abs(ms);
  if (far < 5_000) return "just now";
  const [value, unit] = far < 60_000 ? [far / 1_000, "s"] : far < 3_600_000 ? [far / 60_000, "min"] : far < 2 * DAY_MS ? [far / 3_600_000, "h"] : [far / DAY_MS, "d"];
  const text = `${Math.round(value)} ${unit}`;
  return ms > 0 ? `in ${text}` : `${text} ago`;
}

/** Milliseconds between two instants; to now where the second is none. */
export function between(from: string | null | undefined, to: string | null | undefined, now: number): number | null {
  if (from == null) return null;
  return (to == null ? now : new Date(to).getTime()) - new Date(from).getTime();
}

type Parts = Record<"year" | "month" | "day" | "hour" | "minute" | "second", string>;

const SHAPES = {
  parts: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { month: "short", day: "numeric" },
  zone: { timeZoneName: "short" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** To make one costs far more than to use it. */
function formatOf(shape: keyof typeof SHAPES, zone: string | undefined): Intl.DateTimeFormat {
  const key = `${shape} ${zone ?? ""}`;
  let format = FORMATS.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en", { ...SHAPES[shape], ...zoned(zone) });
    FORMATS.set(key, format);
  }
  return format;
}

function parts(date: Date, zone?: string): Parts {
  return Object.fromEntries(formatOf("parts", zone).formatToParts(date).map(({ type, value }) => [type, value])) as Parts;
}

function zoned(zone: string | undefined): { timeZone?: string } {
  return zone === undefined ? {} : { timeZone: zone };
}
