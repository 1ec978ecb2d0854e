// Who is signed in, and what they may do. What a role may not do is not shown; that it is refused is the server's word.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { api, ask, KEY, onSignedOut, token } from "./client";
import type { Role, Schema } from "./types";

const RANK: Partial<Record<Role, number>> = { viewer: 0, operator: 1, editor: 2, admin: 3 };

const BETWEEN_TRIES_MS = 3_000;

export type Me = Schema<"Me">;

interface Session {
  me: Me;
  /** Whether the role is this one or a higher one. */
  may: (role: "viewer" | "operator" | "editor" | "admin") => boolean;
  signOut: () => void;
}

const Context = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("useSession is for pages below <Signed>");
  return session;
}

export interface SignIn {
  /** Why the sign-in page is shown: the token was good and is not any more. */
  expired: boolean;
  signIn: (given: string, stay: boolean) => Promise<void>;
}

interface SignedProps {
  children: ReactNode;
  waiting: ReactNode;
  asks: (signIn: SignIn) => ReactNode;
  fails: (error: Error, again: () => void) => ReactNode;
}

/** Shows the pages to those who are signed in, and asks the others. */
export function Signed({ children, waiting, asks, fails }: SignedProps) {
  const [given, setGiven] = useState(token.read);
  const [expired, setExpired] = useState(false);
  const queries = useQueryClient();
  const me = useQuery({
    queryKey: ["me", given !== null],
    queryFn: () => ask(api.GET("/api/v1/me")),
    enabled: given !== null,
    staleTime: Infinity,
    // The server may be restarting: it is asked until it is back.
    refetchInterval: ({ state }) => (state.error === null ? false : BETWEEN_TRIES_MS),
    retry: false,
  });

  const leave = useCallback(
    (wasRefused: boolean) => {
      token.forget();
      queries.clear();
      setExpired(wasRefused);
      setGiven(null);
    },
    [queries],
  );
  useEffect(() => onSignedOut(() => leave(true)), [leave]);
  useEffect(() => {
    // Another tab has signed out, or in as somebody else.
    const changed = ({ key }: StorageEvent) => key === KEY && location.reload();
    window.addEventListener("storage", changed);
    return () => window.removeEventListener("storage", changed);
  }, []);

  const signIn = useCallback(async (value: string, stay: boolean) => {
    const headers = { authorization: `Bearer ${value}` };
    await ask(api.GET("/api/v1/me", { headers }));
    token.keep(value, stay);
    setExpired(false);
    setGiven(value);
  }, []);

  const session = useMemo<Session | null>(() => {
    if (me.data === undefined) return null;
    const rank = RANK[me.data.role] ?? -1;
    return { me: me.data, may: (role) => rank >= (RANK[role] ?? 9), signOut: () => leave(false) };
  }, [me.data, leave]);

  if (given === null) return asks({ expired, signIn });
  if (session !== null) return <Context value={session}>{children}</Context>;
  if (me.error !== null) return fails(me.error, () => void me.refetch());
  return waiting;
}
