// What a backfill would do, asked of the server while it is being written: nothing is made by that.
import { Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { Schema } from "../../api/types";
import { Time } from "../../parts/time";
import type { Request } from "./form";
import "./backfills.css";

/** While somebody types, nothing is asked. */
const PAUSE_MS = 300;

export function Preview({ request, zone }: { request: Request | null; zone: string | undefined }) {
  const [asked] = useDebouncedValue(request === null ? null : JSON.stringify(request), PAUSE_MS);
  const plan = useQuery({
    queryKey: ["backfill-plan", asked],
    queryFn: () => ask(api.POST("/api/v1/backfills/plan", { body: JSON.parse(asked ?? "{}") as Request })),
    enabled: asked !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
  return (
    <section className="backfill-preview" aria-label="What it would do" role="status">
      {request === null || asked === null ? (
        <Text size="sm" c="dimmed">Choose a DAG and say from when on to see what would run.</Text>
      ) : plan.error !== null ? (
        <Text size="sm" c="red">{plan.error.message}</Text>
      ) : plan.data === undefined ? (
        <Text size="sm" c="dimmed">Counting…</Text>
      ) : (
        <Plan plan={plan.data} zone={zone} />
      )}
    </section>
  );
}

function Plan({ plan, zone }: { plan: Schema<"BackfillPlan">; zone: string | undefined }) {
  const zoned = zone === undefined ? {} : { zone };
  const counts = [
    [plan.missing, "without a run"],
    [plan.failed, "failed or cancelled"],
    [plan.succeeded, "succeeded"],
    [plan.going_on, "going on"],
  ] as const;
  const known = counts.filter(([many]) => many > 0).map(([many, word]) => `${many.toLocaleString("en")} ${word}`);
  return (
    <>
      <Text fw={650}>{plan.to_run === 0 ? "Nothing would run." : `${plan.to_run.toLocaleString("en")} ${plan.to_run === 1 ? "run" : "runs"}`}</Text>
      {plan.first != null && plan.last != null && (
        <Text size="sm">
          {plan.first === plan.last ? <>at <Time at={plan.first} {...zoned} /></> : <>the first at <Time at={plan.first} {...zoned} />, the last at <Time at={plan.last} {...zoned} /></>}
        </Text>
      )}
      <Text size="sm" c="dimmed">
        {plan.windows === 0 ? "The schedule has no firing in this range." : `${plan.windows.toLocaleString("en")} ${plan.windows === 1 ? "window" : "windows"} in the range: ${known.join(", ")}.`}
      </Text>
    </>
  );
}
