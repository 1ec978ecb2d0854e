// Runs, as people work with them: triggered by a form, watched, read, mended, decided on, run again. Nothing is reloaded: what
// changes is seen because it is told.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import type { Daybreak } from "./server";
import { expect, settled, test } from "./test";

async function run(daybreak: Daybreak, dag: string, params: Record<string, unknown> = {}): Promise<string> {
  const { run_id } = await daybreak.call<{ run_id: string }>("POST", `/api/v1/dags/${dag}/runs`, { params });
  return run_id;
}

/** The state beside the title. */
function state(page: Page, word: string) {
  return page.locator(".page-head .state", { hasText: word });
}

test("a run is triggered by a form, waits for a decision, is approved and turns green", async ({ signedIn }) => {
  const page = await signedIn();
  await page.goto("/dags/release");
  await page.getByRole("button", { name: "Trigger" }).click();
  const dialog = page.getByRole("dialog");
  // A value that the DAG refuses is said at its field, and nothing is sent.
  await dialog.getByLabel("rows").fill("0");
  await dialog.getByRole("button", { name: "Run it" }).click();
  await expect(dialog.getByText("One field needs another value.")).toBeVisible();
  await dialog.getByLabel("rows").fill("7");
  await dialog.getByRole("button", { name: "Run it" }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9A-Z]{26}/);
  await expect(page.getByRole("button", { name: /^Approve/ }).first()).toBeVisible();
  await page.getByRole("button", { name: /^Approve/ }).first().click();
  await page.getByRole("dialog").getByRole("textbox", { name: "Reason" }).fill("looks right");
  await page.getByRole("dialog").getByRole("button", { name: "Approve", exact: true }).click();
  await expect(state(page, "succeeded")).toBeVisible();
});

test("a log has colours, and what looks like markup stays text", async ({ signedIn, daybreak }) => {
  const id = await run(daybreak, "release", { rows: 300 });
  const page = await signedIn();
  await page.goto(`/runs/${id}?task=prepare`);
  const log = page.getByRole("log");
  await expect(log.getByText("a bell � rings")).toBeVisible();
  await expect(log.getByText("of 300 <b>not bold</b>").first()).toBeVisible();
  await expect(log.locator(".fg-ansi-green", { hasText: "row" }).first()).toBeVisible();
  await page.getByLabel("Search the log").fill("row 17 of");
  await expect(page.getByText("1 of 1")).toBeVisible();
  await expect(log.getByText("17 of 300")).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toContain("prepare");
});

test("a run fails, is mended, and runs again from what failed", async ({ signedIn, daybreak }) => {
  const page = await signedIn();
  const id = await run(daybreak, "fragile");
  await page.goto(`/runs/${id}`);
  await expect(state(page, "failed")).toBeVisible();
  await expect(page.getByText(/exit code 3|exit 3|ended with 3|status 3/i).first()).toBeVisible();
  writeFileSync(join(daybreak.folder, "mended"), "");
  await page.getByRole("button", { name: "Run again" }).click();
  await page.getByRole("menuitem", { name: "From what failed" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("These 2 tasks run again:")).toBeVisible();
  await dialog.getByRole("button", { name: "Run from what failed" }).click();
  await expect(state(page, "succeeded")).toBeVisible();
});

test("a task is cleared after one has seen what else runs again", async ({ signedIn, daybreak }) => {
  const id = await run(daybreak, "rounds");
  const page = await signedIn();
  await page.goto(`/runs/${id}?task=stops`);
  await expect(state(page, "succeeded")).toBeVisible();
  await page.getByRole("button", { name: "Clear…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("visit", { exact: true })).toBeVisible();
  await dialog.getByRole("button", { name: "Clear and run again" }).click();
  await expect(page.getByText("stops and 1 more run again")).toBeVisible();
  await expect(state(page, "succeeded")).toBeVisible();
});

test("a run that goes on is followed live and cancelled", async ({ signedIn, daybreak }) => {
  const id = await run(daybreak, "slow");
  const page = await signedIn();
  await page.goto(`/runs/${id}?task=count`);
  await expect(state(page, "running")).toBeVisible();
  await expect(page.getByRole("log").getByText("line 3", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the run" }).click();
  await expect(state(page, "cancelled")).toBeVisible();
});

test("why a task does not run is said where one looks", async ({ signedIn, daybreak }) => {
  const id = await run(daybreak, "elsewhere");
  const page = await signedIn();
  await page.goto(`/runs/${id}`);
  await expect(page.getByText(/gpu/).first()).toBeVisible();
  await page.goto("/");
  await expect(page.getByText(/gpu/).first()).toBeVisible();
  await daybreak.call("POST", `/api/v1/runs/${id}/cancel`, {});
});

test("the list of DAGs and its page follow what others do", async ({ signedIn, daybreak }) => {
  const page = await signedIn();
  await page.goto("/runs?dag=ticks");
  await settled(page);
  const id = await run(daybreak, "ticks");
  await expect(page.locator(`a[href="/runs/${id}"]`).first()).toBeVisible();
  await page.goto("/dags/ticks?tab=grid");
  await expect(page.getByRole("application", { name: /1 tasks/ })).toBeVisible();
  await page.getByRole("application").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowLeft");
  await expect(page.getByText(/tick: (succeeded|ready|running)/)).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/runs\/[0-9A-Z]{26}\?task=tick/);
});

test("a paused DAG says so, and is resumed", async ({ signedIn }) => {
  const page = await signedIn();
  await page.goto("/dags/ticks");
  await page.getByRole("button", { name: /^Pause/ }).first().click();
  await page.getByRole("dialog", { name: "Pause ticks" }).getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("paused", { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: /^Resume/ }).first().click();
  await page.getByRole("dialog", { name: "Resume ticks" }).getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("button", { name: /^Pause/ }).first()).toBeVisible();
});

test("a backfill is looked at before it is started, and gets to its end", async ({ signedIn }) => {
  const page = await signedIn();
  await page.goto("/backfills?dag=ticks&start=1");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From").fill("2013-02-01T00:00");
  await dialog.getByLabel("To", { exact: true }).fill("2013-02-01T06:00");
  await dialog.getByLabel("Which windows").click();
  await page.getByRole("option", { name: /^All/ }).click();
  await expect(dialog.getByText("6 runs")).toBeVisible();
  await dialog.getByRole("button", { name: "Start the backfill" }).click();
  await expect(page).toHaveURL(/\/backfills\/[0-9A-Z]{26}/);
  await expect(page.locator(".page-head").getByText("finished")).toBeVisible();
});
