// What a project, a log or a network can do to a page: each has a calm look, and none stops it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "./server";
import { expect, settled, test } from "./test";

test("broken YAML is told where it stands, and goes away once it is mended", async ({ signedIn, daybreak }) => {
  const path = join(daybreak.folder, "extra.yaml");
  const text = readFileSync(path, "utf8");
  const page = await signedIn();
  await page.goto("/");
  await settled(page);
  writeFileSync(path, text.replace("needs: prepare", "needs: preparation"));
  // What is wrong, not what is written: that stands in the file too.
  const fault = page.getByText(/which is not a task of this DAG/).first();
  await page.goto("/project");
  await expect(fault).toBeVisible({ timeout: 20_000 });
  await page.goto("/dags/release?tab=yaml");
  await expect(fault).toBeVisible();
  await page.goto("/");
  await expect(fault).toBeVisible();
  writeFileSync(path, text);
  await expect(async () => {
    await page.goto("/project");
    await settled(page);
    await expect(page.getByText(/preparation/)).toHaveCount(0, { timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
});

test("a run of a thousand tasks is drawn, and its Gantt chart and tasks too", async ({ browser }) => {
  const tasks = Array.from({ length: 1_000 }, (_, place) => `      t${place}: { kind: noop${place < 10 ? "" : `, needs: t${place - 10}`} }`);
  const daybreak = await start({ "daybreak.yaml": `version: 1\nname: large\ndags:\n  thousand:\n    tasks:\n${tasks.join("\n")}\n` });
  const { run_id } = await daybreak.call<{ run_id: string }>("POST", "/api/v1/dags/thousand/runs", {});
  const page = await browser.newPage();
  await page.addInitScript((token) => localStorage.setItem("daybreak-token", token), daybreak.token);
  await page.goto(`${daybreak.url}/runs/${run_id}`);
  await expect(page.locator(".page-head .state", { hasText: "succeeded" })).toBeVisible({ timeout: 30_000 });
  await expect(page.locator(".task-box").first()).toBeVisible();
  await page.getByRole("tab", { name: "Gantt" }).click();
  await expect(page.getByText("t0", { exact: true }).first()).toBeVisible();
  await page.getByRole("tab", { name: "Tasks" }).click();
  await expect(page.getByText("t0", { exact: true }).first()).toBeVisible();
  await page.goto(`${daybreak.url}/dags/thousand?tab=grid`);
  await expect(page.getByRole("application", { name: /1000 tasks/ })).toBeVisible();
  await page.close();
  await daybreak.stop();
});

test("a log of 64 MiB is read to its end, and searched", async ({ signedIn, daybreak }) => {
  test.setTimeout(180_000);
  const { run_id } = await daybreak.call<{ run_id: string }>("POST", "/api/v1/dags/loud/runs", {});
  const page = await signedIn();
  await page.goto(`/runs/${run_id}?task=shout`);
  await expect(page.getByText(/lines, 6\d\.\d MiB; succeeded/)).toBeVisible({ timeout: 120_000 });
  await expect(page.getByRole("log").getByText("a line of a log").first()).toBeVisible();
  await page.getByLabel("Search the log").fill("nobody wrote this");
  await expect(page.getByText("not found", { exact: true })).toBeVisible();
});

test("a name of 63 signs stays within its page", async ({ signedIn }) => {
  const page = await signedIn();
  const name = "a_name_as_long_as_a_name_may_be_which_is_sixty_three_signs_long";
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const path of ["/dags", `/dags/${name}`, `/runs?dag=${name}`]) {
      await page.goto(path);
      await settled(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${path} at ${width}`).toBeLessThanOrEqual(width);
    }
  }
});
