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

/** The instant that a wall clock means; none where nothing that reads as one is typed. One that a change of the clocks leaves out is moved on with them. */
export function instantOf({ wall, zone }: Moment): string | null {
  const asUtc = Date.parse(`${wall}Z`);
  if (wall === "" || Number.isNaN(asUtc)) return null;
  // The second look is for wall clocks near a change: the offset there is not the one of the first guess.
  const guess = asUtc - offset(asUtc, zone);
  return new Date(asUtc - offset(guess, zone)).toISOString().replace(".000Z", "Z");
}

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
