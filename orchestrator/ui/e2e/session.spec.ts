// Who is signed in, what they may do, and what is seen when that or the connection ends.
import { expect, settled, test } from "./test";

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

test("a connection that is lost is said, and comes back by itself", async ({ signedIn, context, expected }) => {
  expected.push(/ERR_INTERNET_DISCONNECTED/);
  const page = await signedIn();
  await page.goto("/");
  await settled(page);
  await context.setOffline(true);
  await expect(page.getByText("no connection, trying again")).toBeVisible({ timeout: 30_000 });
  await context.setOffline(false);
  await expect(page.getByText("no connection, trying again")).toHaveCount(0, { timeout: 30_000 });
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
