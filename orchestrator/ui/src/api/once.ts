// Keys that let a request be sent again without being done twice: the same request has the same key until it has gone through.
import { useRef } from "react";

/** Gives the key of a request by what is in it. */
export function useOnceKey(): (request: unknown) => string {
  const last = useRef({ request: "", key: "" });
  return (request) => {
    const text = JSON.stringify(request);
    if (last.current.request !== text) last.current = { request: text, key: fresh() };
    return last.current.key;
  };
}

/** `crypto.randomUUID` is for pages over TLS only; this is not. */
function fresh(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
