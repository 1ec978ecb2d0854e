// A picture of each page, light, dark and narrow, in the folder that `DAYBREAK_SCREENSHOTS` names (`cargo xtask screenshots`).
import { join } from "node:path";
import { addresses, settled, test } from "./test";

const FOLDER = process.env["DAYBREAK_SCREENSHOTS"] ?? "screenshots";
const LOOKS = {
  light: { width: 1280, height: 860, colorScheme: "light" },
  dark: { width: 1280, height: 860, colorScheme: "dark" },
  narrow: { width: 390, height: 844, colorScheme: "light" },
} as const;

for (const [look, { width, height, colorScheme }] of Object.entries(LOOKS)) {
  test(`pictures of every page, ${look}`, async ({ signedIn, daybreak }) => {
    test.setTimeout(240_000);
    const page = await signedIn();
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [name, address] of Object.entries(await addresses(daybreak))) {
      await page.goto(address);
      await settled(page);
      // Plots and graphs draw themselves some frames after their data have come.
      await page.evaluate(async () => {
        for (let frame = 0; frame < 20; frame += 1) await new Promise((drawn) => requestAnimationFrame(drawn));
      });
      await page.screenshot({ path: join(FOLDER, `${name}-${look}.png`), fullPage: true });
    }
  });
}
