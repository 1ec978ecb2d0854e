// What is live and why: versions, promoting and going back, a prediction with the features behind it, one key's values.
import { expect, settled, test } from "./test";

test("a version is promoted with a reason, and the one before is taken back", async ({ signedIn, daybreak }) => {
  const page = await signedIn();
  const champion = async () => (await daybreak.call<{ models: { aliases: Record<string, number> }[] }>("GET", "/api/v1/models")).models[0]?.aliases["champion"];
  const before = await champion();
  const { versions } = await daybreak.call<{ versions: { version: number }[] }>("GET", "/api/v1/models/late_arrival/versions");
  const other = versions.map(({ version }) => version).find((version) => version !== before);
  expect(other).toBeDefined();
  await page.goto(`/models/late_arrival?version=${other}`);
  await settled(page);
  await page.locator("#main").getByRole("button", { name: /^Promote/ }).first().click();
  const dialog = page.getByRole("dialog");
  const act = dialog.getByRole("button", { name: /^(Promote|Roll back)$/ });
  await expect(act).toBeDisabled();
  await dialog.getByRole("textbox", { name: "Reason" }).fill("a trial");
  await act.click();
  await expect.poll(champion).not.toBe(before);
  const trial = await champion();
  await expect(page.getByText("a trial").first()).toBeVisible();
  await page.getByRole("button", { name: /^Roll back to/ }).first().click();
  await page.getByRole("dialog").getByRole("textbox", { name: "Reason" }).fill("back again");
  await page.getByRole("dialog").getByRole("button", { name: /^(Promote|Roll back)$/ }).click();
  await expect.poll(champion).toBe(before);
  // Having gone back from it, there is no way back to the trial but to promote it.
  await expect(page.getByRole("button", { name: `Roll back to v${trial}` })).toHaveCount(0);
});

test("a prediction shows its features and how old they were", async ({ signedIn }) => {
  const page = await signedIn();
  await page.goto("/predict/late_arrival");
  await settled(page);
  const row: Record<string, string> = { carrier: "UA", origin: "EWR", dest: "IAH", tailnum: "N14228", sched_hour: "8", distance: "1400" };
  for (const [name, value] of Object.entries(row)) await page.getByRole("textbox", { name: new RegExp(`^${name} `) }).fill(value);
  await page.getByRole("button", { name: "Predict", exact: true }).click();
  await expect(page.getByText(/probability/).first()).toBeVisible();
  await expect(page.getByText("carrier_punctuality").first()).toBeVisible();
  await expect(page.getByText("4 h 30 min of 3 d").first()).toBeVisible();
});

test("one key is looked up", async ({ signedIn }) => {
  const page = await signedIn();
  await page.goto("/features/carrier_punctuality");
  await settled(page);
  await page.getByLabel("carrier", { exact: true }).fill("UA");
  await page.getByRole("button", { name: "Look up" }).click();
  await expect(page.getByRole("table", { name: "Values" }).getByText("late_share_7d")).toBeVisible();
  await expect(page).toHaveURL(/key\.carrier=UA/);
});

test("a token is made, shown once and revoked", async ({ signedIn, daybreak }) => {
  const page = await signedIn();
  await page.goto("/settings");
  await settled(page);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("night-shift");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText(/db_\w+/).first()).toBeVisible();
  const { tokens } = await daybreak.call<{ tokens: { name: string; role: string }[] }>("GET", "/api/v1/tokens");
  expect(tokens.some(({ name }) => name === "night-shift")).toBe(true);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Revoke night-shift" }).click();
  await page.getByRole("dialog").getByRole("button", { name: /^Revoke/ }).click();
  await expect(page.getByRole("button", { name: "Revoke night-shift" })).toHaveCount(0);
});
