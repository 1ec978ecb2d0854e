// Wall clocks of zones, as people type them, and the instants that they mean.

/** What is typed: a wall clock `2013-03-10T03:00` and the zone it hangs in. */
export interface Moment {
  wall: string;
  zone: string;
}

/** `2013-03-10T03:00:00` in a zone. */
export function wallClock(at: number | string, zone: string): string {
  const part = Object.fromEntries(formatOf(zone).formatToParts(new Date(at)).map(({ type, value }) => [type, value]));
  return `${part["year"]}-${part["month"]}-${part["day"]}T${part["hour"]}:${part["minute"]}:${part["second"]}`;
}

/** The instant that a wall clock means: the first one where clocks are set back over it, and one moved on with them where they skip it. None: nothing that reads as one is typed. */
export function instantOf({ wall, zone }: Moment): string | null {
  const asUtc = Date.parse(`${wall}Z`);
  if (wall === "" || Number.isNaN(asUtc)) return null;
  // Clocks are not changed twice within two days: what holds before and after is all that may hold.
  const meant = [asUtc - DAY_MS, asUtc + DAY_MS].map((near) => asUtc - offset(near, zone));
  const hanging = meant.filter((at) => at + offset(at, zone) === asUtc);
  const at = hanging.length > 0 ? Math.min(...hanging) : Math.max(...meant);
  return new Date(at).toISOString().replace(".000Z", "Z");
}

const DAY_MS = 86_400_000;

/** What a zone adds to UTC at an instant, in milliseconds. */
function offset(at: number, zone: string): number {
  return Date.parse(`${wallClock(at, zone)}Z`) - Math.floor(at / 1_000) * 1_000;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = FORMATS.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    FORMATS.set(zone, format);
  }
  return format;
}
