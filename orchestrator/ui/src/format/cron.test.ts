import { expect, test } from "vitest";
import { cronWords } from "./cron";

test.each([
  ["30 2 * * *", "every day at 02:30"],
  ["0 6 * * 1-5", "Monday to Friday at 06:00"],
  ["0 6 * * mon-fri", "Monday to Friday at 06:00"],
  ["0 6 * * 0,6", "Sunday and Saturday at 06:00"],
  ["0 6 * * 7", "Sunday at 06:00"],
  ["*/15 * * * *", "every 15 minutes"],
  ["5 * * * *", "every hour at :05"],
  ["@hourly", "every hour"],
  ["0 */6 * * *", "every 6 hours"],
  ["0 */6 * * 1", "Monday every 6 hours"],
  ["0 8,20 * * *", "every day at 08:00 and 20:00"],
  ["0 3 1 * *", "on the 1st of each month at 03:00"],
  ["0 3 11,22 1 *", "on the 11th and 22nd of January at 03:00"],
  ["0 0 12 * * *", "every day at 12:00"],
])("%s is %s", (cron, words) => expect(cronWords(cron)).toBe(words));

test.each(["*/7 * * * *", "0 3 13 * 5", "30 0 12 * * *", "0 6 * * 5L", "1-10 * * * *", "nonsense"])("%s stays as it is", (cron) => expect(cronWords(cron)).toBe(cron));
