// The typed client over `fetch`: the token goes with every request, and whatever is refused becomes one kind of error. To
// add a call: use `ask(api.GET("/path", …))`; the paths and types are those of the API's document.
import createClient from "openapi-fetch";
import type { Problem } from "./types";
import type { paths } from "./schema";

/** Under which it is kept. */
export const KEY = "daybreak-token";

/** Where the token is kept: for this tab, or for this browser where people ask for it. */
export const token = {
  read(): string | null {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  },
  keep(value: string, stay: boolean): void {
    token.forget();
    (stay ? localStorage : sessionStorage).setItem(KEY, value);
  },
  forget(): void {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  },
};

/** A request that was refused, or that did not reach the server (`problem` is none). */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly problem: Problem | null,
  ) {
    super(message);
  }

  get status(): number {
    return this.problem?.status ?? 0;
  }
}

let whenSignedOut: () => void = () => undefined;

/** Says what happens once a token is not good any more. */
export function onSignedOut(act: () => void): void {
  whenSignedOut = act;
}

/** `fetch` with the token; a connection that fails is an [`ApiError`] without a problem. */
export async function fetchWithToken(request: Request | string, init?: RequestInit): Promise<Response> {
  const asked = new Request(request, init);
  const given = token.read();
  const tries = asked.headers.has("authorization");
  if (given !== null && !tries) asked.headers.set("authorization", `Bearer ${given}`);
  let response: Response;
  try {
    response = await fetch(asked);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. It may be restarting; this page goes on by itself once it is back.", null);
  }
  // Without a token too: another tab may have signed out.
  if (response.status === 401 && !tries && given === token.read()) whenSignedOut();
  return response;
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: fetchWithToken });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's data, or an [`ApiError`] with what the server says. */
export async function ask<T>(asking: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asking;
  if (response.ok) return data as T;
  throw refused(error, response);
}

/** What a response that is no success says. */
export function refused(body: unknown, response: Response): ApiError {
  const problem = problemOf(body, response);
  return new ApiError(problem.detail, problem);
}

function problemOf(body: unknown, response: Response): Problem {
  if (typeof body === "object" && body !== null && "detail" in body && "request_id" in body) return body as Problem;
  const request_id = response.headers.get("x-request-id") ?? "";
  const { status, statusText } = response;
  return { type: "about:blank", title: statusText, status, detail: `The server answered ${status} ${statusText}.`, code: "unknown", request_id };
}
