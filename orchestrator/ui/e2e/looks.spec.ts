// Every page, light and dark, wide and narrow: no serious fault of accessibility, nothing that runs out of a narrow page, and no
// more to load than a page may.
import AxeBuilder from "@axe-core/playwright";
import { addresses, expect, settled, test } from "./test";

const GRAVE = ["serious", "critical"];

for (const colorScheme of ["light", "dark"] as const) {
  test(`no page has a serious fault of accessibility (${colorScheme})`, async ({ signedIn, daybreak }) => {
    test.setTimeout(240_000);
    const page = await signedIn();
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const faults: string[] = [];
    for (const [name, address] of Object.entries(await addresses(daybreak))) {
      await page.goto(address);
      await settled(page);
      const { violations } = await new AxeBuilder({ page }).analyze();
      for (const { id, impact, nodes } of violations) {
        if (GRAVE.includes(impact ?? "")) faults.push(`${name}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).slice(0, 3).join(" | ")}`);
      }
    }
    expect(faults).toEqual([]);
  });
}

test("nothing runs out of a page of 390 pixels", async ({ signedIn, daybreak }) => {
  test.setTimeout(120_000);
  const page = await signedIn();
  await page.setViewportSize({ width: 390, height: 844 });
  const wide: string[] = [];
  const pages = { ...(await addresses(daybreak)), long: "/dags/a_name_as_long_as_a_name_may_be_which_is_sixty_three_signs_long" };
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(address);
    await settled(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 390) wide.push(`${name}: ${width} px`);
  }
  expect(wide).toEqual([]);
});

test("the first page loads less than 500 KB, and all of it is less than 1.5 MB", async ({ signedIn, daybreak }) => {
  const page = await signedIn();
  await page.goto("/");
  await settled(page);
  const first = await page.evaluate(() => {
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")] as PerformanceResourceTiming[];
    return loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  });
  expect(first).toBeGreaterThan(50_000);
  expect(first).toBeLessThan(500_000);
  const assets = new Set<string>();
  let all = 0;
  const queue = await page.evaluate(() => [...document.querySelectorAll<HTMLElement>("script[src],link[href]")].map((one) => one.getAttribute("src") ?? one.getAttribute("href") ?? ""));
  for (let address = queue.pop(); address !== undefined; address = queue.pop()) {
    const path = new URL(address, daybreak.url).pathname;
    if (!path.startsWith("/assets/") || assets.has(path)) continue;
    assets.add(path);
    const answer = await fetch(daybreak.url + path, { headers: { "accept-encoding": "gzip" } });
    all += Number(answer.headers.get("content-length") ?? 0);
    if (path.endsWith(".js")) queue.push(...((await answer.text()).match(/assets\/[\w.-]+\.(?:js|css|svg)|\.\/[\w.-]+\.(?:js|css)/g) ?? []).map((name) => `/assets/${name.split("/").pop()}`));
  }
  expect(assets.size).toBeGreaterThan(10);
  expect(all).toBeGreaterThan(first / 2);
  expect(all).toBeLessThan(1_500_000);
});
