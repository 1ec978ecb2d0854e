// Business time as a value that components can show: what is late or stale is judged by it. Where it is simulated it stands
// still between two moves; otherwise it goes with the server's clock, whatever the viewer's says.
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../api/client";
import { EVERY_MINUTE_MS } from "../api/queries";
import { useNow } from "./now";

/** Milliseconds since 1970; none until the server has told. */
export function useBusinessNow(): number | undefined {
  const clock = useQuery({ queryKey: ["clock"], queryFn: () => ask(api.GET("/api/v1/clock")), refetchInterval: EVERY_MINUTE_MS });
  const now = useNow(10_000);
  if (clock.data === undefined) return undefined;
  const told = new Date(clock.data.business_now).getTime();
  return clock.data.simulated ? told : told + Math.max(0, now - clock.dataUpdatedAt);
}
