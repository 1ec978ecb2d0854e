// Who is signed in, what they may do, and what is seen when that or the connection ends.
import { start } from "./server";
import { expect, settled, test } from "./test";

const EMPTY = "version: 1\nname: empty\n";

interface Made {
  id: string;
  token: string;
}

test("somebody signs in with a token, and out again", async ({ page, daybreak, expected }) => {
  expected.push(/401/);
  await page.goto("/dags");
  await page.getByRole("textbox", { name: "Token" }).fill("db_of_nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("This token is not good")).toBeVisible();
  await page.getByRole("textbox", { name: "Token" }).fill(daybreak.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "DAGs" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "DAGs" })).toBeVisible();
  await page.getByRole("button", { name: /Signed in as/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
});

test("a token that is taken back ends the session with a word", async ({ signedIn, daybreak, expected }) => {
  expected.push(/401/);
  const made = await daybreak.call<Made>("POST", "/api/v1/tokens", { name: "short", role: "viewer" });
  const page = await signedIn(made.token);
  await page.goto("/");
  await settled(page);
  await daybreak.call("DELETE", `/api/v1/tokens/${made.id}`);
  await expect(page.getByText("The token is not good any more")).toBeVisible();
});

test("a viewer is shown nothing that a viewer may not do", async ({ signedIn, daybreak }) => {
  const made = await daybreak.call<Made>("POST", "/api/v1/tokens", { name: "looks", role: "viewer" });
  const page = await signedIn(made.token);
  await page.goto("/dags/release");
  await settled(page);
  await expect(page.getByRole("button", { name: /trigger|pause/i })).toHaveCount(0);
  await page.goto("/models/late_arrival");
  await settled(page);
  await expect(page.getByRole("button", { name: /promote|roll back/i })).toHaveCount(0);
});

test("a server that goes is missed, and the page goes on by itself when it is back", async ({ browser }) => {
  let daybreak = await start({ "daybreak.yaml": EMPTY });
  const page = await browser.newPage();
  await page.addInitScript((token) => localStorage.setItem("daybreak-token", token), daybreak.token);
  await page.goto(`${daybreak.url}/dags`);
  await settled(page);
  const missed = page.getByText("no connection, trying again");
  daybreak = await daybreak.restart(async () => expect(missed).toBeVisible());
  await expect(missed).toHaveCount(0, { timeout: 30_000 });
  await page.close();
  await daybreak.stop();
});

test("a project without anything is calm on every page", async ({ browser }) => {
  const daybreak = await start({ "daybreak.yaml": EMPTY });
  const page = await browser.newPage();
  const seen: string[] = [];
  page.on("pageerror", (error) => seen.push(error.message));
  await page.addInitScript((token) => localStorage.setItem("daybreak-token", token), daybreak.token);
  for (const path of ["/", "/dags", "/runs", "/backfills", "/schedules", "/features", "/models", "/predict", "/workers", "/project", "/audit", "/settings"]) {
    await page.goto(daybreak.url + path);
    await settled(page);
    await expect(page.getByRole("alert"), path).toHaveCount(0);
  }
  expect(seen).toEqual([]);
  await page.close();
  await daybreak.stop();
});

test("what does not exist is said calmly, with the request's id", async ({ signedIn, expected }) => {
  expected.push(/404/);
  const page = await signedIn();
  await page.goto("/no/such/page");
  await expect(page.getByText("There is no such page")).toBeVisible();
  await page.goto("/dags/nobody");
  await expect(page.getByText("This does not exist")).toBeVisible();
  await expect(page.getByText(/request/).first()).toBeVisible();
});

test("the page's policy allows nothing from elsewhere and nothing inline", async ({ request, daybreak }) => {
  const answer = await request.get("/runs/anything", { headers: { accept: "text/html" } });
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).not.toContain("unsafe");
  expect(policy).toContain("frame-ancestors 'none'");
  const again = await request.get("/", { headers: { accept: "text/html" } });
  expect(again.headers()["content-security-policy"]).not.toEqual(policy);
  expect((await fetch(`${daybreak.url}/api/v1/runs`, { headers: { accept: "text/html" } })).status).toBe(401);
});
