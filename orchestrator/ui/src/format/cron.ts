// A cron expression in words: `Monday to Friday at 06:00`. One that has no short words stays as it is written.

const ALIASES: Record<string, string> = {
  "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
};
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** In words, or as it is written. */
export function cronWords(cron: string): string {
  const fields = (ALIASES[cron.trim().toLowerCase()] ?? cron).trim().split(/\s+/);
  // Six fields begin with seconds.
  const [second, minute, hour, day, month, weekday] = fields.length === 6 ? fields : ["0", ...fields];
  if (second !== "0" || minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined) return cron;
  const time = timeWords(minute, hour);
  const date = dateWords(day, month, weekday);
  if (time === null || date === null) return cron;
  // `every day` is said where the time alone does not say how often.
  if (date === "every day" && time.often) return time.words;
  return `${date} ${time.often ? time.words : `at ${time.words}`}`;
}

interface TimeWords {
  words: string;
  /** It comes more than once in a day, and says so. */
  often: boolean;
}

function timeWords(minute: string, hour: string): TimeWords | null {
  const steps = /^(?:\*|0)\/(\d+)$/;
  const every = steps.exec(minute)?.[1];
  if (hour === "*" && minute === "*") return { words: "every minute", often: true };
  if (hour === "*" && every !== undefined && 60 % Number(every) === 0) return { words: `every ${every} minutes`, often: true };
  if (!/^\d{1,2}$/.test(minute)) return null;
  if (hour === "*") return { words: minute === "0" ? "every hour" : `every hour at :${minute.padStart(2, "0")}`, often: true };
  const hours = steps.exec(hour)?.[1];
  if (hours !== undefined && 24 % Number(hours) === 0) return { words: `every ${hours} hours${minute === "0" ? "" : ` at :${minute.padStart(2, "0")}`}`, often: true };
  if (!/^\d{1,2}(,\d{1,2}){0,3}$/.test(hour)) return null;
  return { words: listed(hour.split(",").map((each) => `${each.padStart(2, "0")}:${minute.padStart(2, "0")}`)), often: false };
}

function dateWords(day: string, month: string, weekday: string): string | null {
  const months = month === "*" ? "" : named(month, MONTHS, 1);
  if (months === null) return null;
  const suffix = months === "" ? "" : ` in ${months}`;
  if (day === "*" && weekday === "*") return months === "" ? "every day" : `every day${suffix}`;
  if (day === "*") {
    const days = named(weekday, DAYS, 0);
    return days === null ? null : `${days}${suffix}`;
  }
  if (weekday !== "*") return null;
  if (day.toUpperCase() === "L") return `on the last day of ${months === "" ? "each month" : months}`;
  if (!/^\d{1,2}(,\d{1,2}){0,3}$/.test(day)) return null;
  return `on the ${listed(day.split(",").map((each) => ordinal(Number(each))))} of ${months === "" ? "each month" : months}`;
}

/** `1-5`, `mon-fri`, `0,6` as names; null where it is anything else. */
function named(field: string, names: readonly string[], first: number): string | null {
  const name = (word: string): string | null => {
    const short = names.find((each) => each.slice(0, 3).toLowerCase() === word.toLowerCase());
    if (short !== undefined) return short;
    if (!/^\d{1,2}$/.test(word)) return null;
    // Both 0 and 7 are Sunday.
    return names[names.length === 7 ? Number(word) % 7 : Number(word) - first] ?? null;
  };
  const parts = field.split(",").map((part) => {
    const ends = part.split("-").map(name);
    return ends.length > 2 || ends.includes(null) ? null : ends.join(" to ");
  });
  return parts.includes(null) ? null : listed(parts.map(String));
}

function ordinal(value: number): string {
  const rest = value % 100;
  const ending = rest >= 11 && rest <= 13 ? "th" : (["th", "st", "nd", "rd"][value % 10] ?? "th");
  return `${value}${ending}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1] ?? ""}`;
}
