// The browser's part of `cargo xtask bench ui`: it is told where the server is and writes its figures to a file. The server holds
// 10,000 runs of `hundred` (100 tasks), and `busy`, whose run goes on for half a minute.
import { readFileSync, writeFileSync } from "node:fs";
import { type Browser, type BrowserContext, expect, type Page, test } from "@playwright/test";
import { until } from "./server";

const URL = process.env["DAYBREAK_URL"] ?? "";
const TOKEN = process.env["DAYBREAK_TOKEN"] ?? "";
const PID = process.env["DAYBREAK_PID"] ?? "";
const OPENED = 20;
const PAGES = 50;
const RUNS = 10_000;

interface Figure {
  ours: number;
  floor: number;
  more: Record<string, number>;
}

const figures: Record<string, Figure> = {};

test.afterAll(() => writeFileSync(process.env["DAYBREAK_MEASURED"] ?? "measured.json", JSON.stringify(figures)));

function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function signedIn(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  await context.addInitScript((token) => localStorage.setItem("daybreak-token", token), TOKEN);
  return context;
}

/** Milliseconds from the navigation until the element is there, as the page's own clock has it. */
async function usable(page: Page, address: string, selector: string): Promise<number> {
  await page.goto(address, { waitUntil: "commit" });
  await page.locator(selector).first().waitFor();
  return page.evaluate(() => performance.now());
}

test("the first page", async ({ browser }) => {
  test.setTimeout(180_000);
  const [ours, empty]: [number[], number[]] = [[], []];
  for (let time = 0; time < OPENED; time += 1) {
    // A new context each time: nothing is cached.
    const context = await signedIn(browser);
    ours.push(await usable(await context.newPage(), `${URL}/`, ".home-row, .home-calm"));
    empty.push(await usable(await context.newPage(), `${URL}/health/live`, "body"));
    await context.close();
  }
  figures["first_page_usable_p95"] = { ours: percentile(ours, 0.95), floor: percentile(empty, 0.95), more: { p50_ms: percentile(ours, 0.5) } };
});

test("the grid", async ({ browser }) => {
  test.setTimeout(300_000);
  const page = await (await signedIn(browser)).newPage();
  await page.goto(`${URL}/dags/hundred?tab=grid`);
  const scroller = page.locator(".run-grid-scroller");
  await scroller.waitFor();
  const begun = performance.now();
  // To the end of what is there, until everything is.
  await until("all runs in the grid", async () => {
    await scroller.evaluate((box) => box.scrollTo(box.scrollWidth, 0));
    return (await scroller.getAttribute("aria-label"))?.startsWith(`${RUNS} runs`);
  });
  const loaded = performance.now() - begun;
  const still = await frames(page, 0);
  const scrolled = await frames(page, 240);
  figures["grid_scroll_frame_p99"] = {
    ours: percentile(scrolled, 0.99),
    floor: percentile(still, 0.99),
    more: { p50_ms: percentile(scrolled, 0.5), longest_ms: Math.max(...scrolled), all_runs_loaded_ms: loaded },
  };
  await page.context().close();
});

/** Lengths of frames while the grid is scrolled by so many pixels a frame. */
function frames(page: Page, step: number): Promise<number[]> {
  return page.locator(".run-grid-scroller").evaluate(async (box, step) => {
    const lengths: number[] = [];
    box.scrollTo(0, 0);
    let last = await new Promise<number>(requestAnimationFrame);
    for (let frame = 0; frame < 600; frame += 1) {
      box.scrollBy(step, frame % 100 < 50 ? step / 20 : -step / 20);
      const now = await new Promise<number>(requestAnimationFrame);
      lengths.push(now - last);
      last = now;
    }
    return lengths;
  }, step);
}

/** Seconds of processor time that the server has had. */
function cpu(): number {
  const fields = readFileSync(`/proc/${PID}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Starts `busy` and returns the share of a core that the server takes over fifteen seconds of it, in percent. */
async function shareDuring(): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(`${URL}/api/v1/dags/busy/runs`, { method: "POST", headers, body: "{}" });
  const { run_id } = (await answer.json()) as { run_id: string };
  const [begun, before] = [performance.now(), cpu()];
  await until("fifteen seconds", async () => performance.now() - begun > 15_000);
  const share = (100 * (cpu() - before)) / ((performance.now() - begun) / 1_000);
  const { state } = (await (await fetch(`${URL}/api/v1/runs/${run_id}`, { headers })).json()) as { state: string };
  expect(state).toBe("running");
  await fetch(`${URL}/api/v1/runs/${run_id}/cancel`, { method: "POST", headers, body: "{}" });
  return share;
}

test("fifty pages", async ({ browser }) => {
  test.setTimeout(300_000);
  const alone = await shareDuring();
  const contexts = await Promise.all(Array.from({ length: PAGES }, () => signedIn(browser)));
  const pages = await Promise.all(contexts.map((context) => context.newPage()));
  // Half look at home, half at the DAG that runs: both change with it.
  for (const [place, page] of pages.entries()) await page.goto(`${URL}/${place % 2 === 0 ? "" : "dags/busy"}`);
  for (const page of pages) await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  const open = await shareDuring();
  figures["fifty_pages_cpu"] = { ours: open, floor: alone, more: { more_than_without: open - alone } };
  for (const context of contexts) await context.close();
});
