// End-to-end tests in a real Chromium against a real server with the flights project. `DAYBREAK_BINARY` names the binary,
// `DAYBREAK_CHROMIUM` the browser; `cargo xtask test` sets both.
import { defineConfig } from "@playwright/test";

const executablePath = process.env["DAYBREAK_CHROMIUM"] ?? "/usr/bin/chromium";
// A browser of a test speaks to nobody but the test's own server.
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export default defineConfig({
  testDir: "e2e",
  outputDir: process.env["DAYBREAK_E2E_OUT"] ?? "../../target/e2e",
  // They share one server and two cores.
  workers: 1,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    launchOptions: { executablePath, args },
    viewport: { width: 1280, height: 860 },
    timezoneId: "Europe/Berlin",
    locale: "en-GB",
    screenshot: "only-on-failure",
  },
  projects: [
    { name: "tests", testIgnore: /screenshots|measure/ },
    { name: "screenshots", testMatch: /screenshots/ },
    { name: "measure", testMatch: /measure/ },
  ],
});
