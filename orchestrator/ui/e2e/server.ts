// A server of the tests' own: a copy of the flights project with a few DAGs more, in a folder of its own, on a free port, with
// business time simulated. What is started is ended with the tests.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");
const BINARY = process.env["DAYBREAK_BINARY"] ?? join(ROOT, "target/debug/daybreak");

export interface Daybreak {
  url: string;
  token: string;
  /** Its project. */
  folder: string;
  /** A call of the API; the answer's body. */
  call: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** Ends it and starts it again at the same address, doing something between. */
  restart: (between: () => Promise<void>) => Promise<Daybreak>;
  /** Moves business time on, and waits for the end of what falls due. */
  moveTo: (at: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Waits until something is, for a minute at most. */
export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const patience = performance.now() + 60_000;
  while (performance.now() < patience) {
    const seen = await look().catch(() => null);
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    await new Promise((go) => setTimeout(go, 50));
  }
  throw new Error(`this has not come about within a minute: ${what}`);
}

/** Starts one over the flights project (`flights`), or over a project of these files. */
export async function start(files: "flights" | Record<string, string>): Promise<Daybreak> {
  const folder = mkdtempSync(join(tmpdir(), "daybreak-e2e-"));
  if (files === "flights") {
    cpSync(join(ROOT, "dags/flights"), folder, { recursive: true });
    cpSync(join(import.meta.dirname, "project"), folder, { recursive: true });
  } else for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return serve(folder, "127.0.0.1:0");
}

/** Serves a project that is there. */
export async function serve(folder: string, listen: string): Promise<Daybreak> {
  const child = spawn(BINARY, ["up", folder, "--listen", listen, "--queues", "default", "--clock-from", "2013-02-01T00:00:00Z"], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (printed += text.toString()));
  const running = join(folder, ".daybreak/server.json");
  const url = await until("a server", async () => {
    if (child.exitCode !== null) throw new Error(`the server has ended: ${printed}`);
    const { url } = JSON.parse(readFileSync(running, "utf8")) as { url: string };
    return (await fetch(`${url}/health/ready`)).ok && url;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${printed}`);
  });
  const token = execFileSync(BINARY, ["token", "--project", folder], { encoding: "utf8" }).trim();
  return daybreak({ url, token, folder, child });
}

interface Started {
  url: string;
  token: string;
  folder: string;
  child: ChildProcess;
}

function daybreak({ url, token, folder, child }: Started): Daybreak {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
  async function moveTo(at: string): Promise<void> {
    await call("POST", "/api/v1/clock", { at });
    await until(`the runs up to ${at}`, async () => {
      const { next_firings, running } = await call<{ next_firings: { at: string }[]; running: { dag: string }[] }>("GET", "/api/v1/overview");
      const fired = next_firings.every((firing) => new Date(firing.at) > new Date(at));
      // A run of `release` waits for somebody's decision.
      return fired && running.every(({ dag }) => dag === "release");
    });
  }
  async function end(): Promise<void> {
    const ended = new Promise((go) => child.once("exit", go));
    child.kill("SIGTERM");
    await ended;
  }
  async function restart(between: () => Promise<void>): Promise<Daybreak> {
    await end();
    await between();
    return serve(folder, new URL(url).host);
  }
  async function stop(): Promise<void> {
    await end();
    rmSync(folder, { recursive: true, force: true });
  }
  return { url, token, folder, call, restart, moveTo, stop };
}
