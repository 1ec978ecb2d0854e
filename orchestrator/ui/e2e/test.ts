// What every test has: the server they share, and a page that is signed in and fails the test for whatever a page must never do:
// an error in the console, a breach of the content security policy, a request to another host.
import { test as base, expect, type Page } from "@playwright/test";
import { type Daybreak, start } from "./server";

interface Shared {
  daybreak: Daybreak;
}

interface Each {
  /** Signs a page in, with the project's own token or another. */
  signedIn: (token?: string) => Promise<Page>;
  /** Messages of the console that a test expects. */
  expected: RegExp[];
}

export const test = base.extend<Each, Shared>({
  daybreak: [
    async ({}, use) => {
      const daybreak = await start("flights");
      await daybreak.moveTo("2013-02-04T12:00:00Z");
      await use(daybreak);
      await daybreak.stop();
    },
    { scope: "worker", timeout: 180_000 },
  ],
  baseURL: async ({ daybreak }, use) => use(daybreak.url),
  expected: async ({}, use) => use([]),
  page: async ({ page, daybreak, expected }, use) => {
    const seen: string[] = [];
    page.on("console", (message) => message.type() === "error" && seen.push(message.text()));
    page.on("pageerror", (error) => seen.push(error.stack ?? error.message));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== daybreak.url) seen.push(`a request to another host: ${request.url()}`);
    });
    await use(page);
    expect(seen.filter((text) => !expected.some((known) => known.test(text)))).toEqual([]);
  },
  signedIn: async ({ page, daybreak }, use) => {
    await use(async (token = daybreak.token) => {
      await page.addInitScript((token) => localStorage.setItem("daybreak-token", token), token);
      return page;
    });
  },
});

export { expect };

/** Every page of the UI, by a short name. `nightly` has run three times. */
export async function addresses(daybreak: Daybreak): Promise<Record<string, string>> {
  const { runs } = await daybreak.call<{ runs: { id: string }[] }>("GET", "/api/v1/runs?dag=nightly&limit=1");
  const run = runs[0]?.id ?? "";
  return {
    home: "/",
    dags: "/dags",
    "dag-graph": "/dags/nightly",
    "dag-grid": "/dags/nightly?tab=grid",
    "dag-durations": "/dags/nightly?tab=durations",
    "dag-yaml": "/dags/nightly?tab=yaml",
    runs: "/runs",
    run: `/runs/${run}`,
    "run-gantt": `/runs/${run}?tab=gantt`,
    "run-task": `/runs/${run}?task=train`,
    backfills: "/backfills",
    features: "/features",
    "feature-view": "/features/carrier_punctuality",
    models: "/models",
    model: "/models/late_arrival",
    predict: "/predict/late_arrival",
    schedules: "/schedules",
    workers: "/workers",
    project: "/project",
    audit: "/audit",
    settings: "/settings",
  };
}

/** Waits until a page shows what it has: nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
  await expect(page.getByLabel("Loading")).toHaveCount(0);
}
