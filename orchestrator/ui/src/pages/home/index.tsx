// How things stand: what needs somebody first, then what runs now, what comes next and what is live.
import { Grid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import { Loaded, Page } from "../../parts/page";
import { AttentionCard } from "./attention-card";
import { LiveCard } from "./live-card";
import { NextCard } from "./next-card";
import { RunningCard } from "./running-card";

export default function HomePage() {
  // Some of it becomes so by time alone: what is late, what is stale.
  const overview = useQuery({ queryKey: ["active", "overview"], queryFn: () => ask(api.GET("/api/v1/overview")), refetchInterval: EVERY_MINUTE_MS });
  return (
    <Page title="Home">
      <Loaded query={overview} height={480}>
        {({ attention, running, active_runs, next_firings, live }) => (
          <Grid gap="md">
            <Grid.Col span={{ base: 12, lg: 7 }}>
              <Stack gap="md">
                <AttentionCard attention={attention} />
                <RunningCard runs={running} active={active_runs} />
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, lg: 5 }}>
              <Stack gap="md">
                <NextCard firings={next_firings} />
                <LiveCard live={live} />
              </Stack>
            </Grid.Col>
          </Grid>
        )}
      </Loaded>
    </Page>
  );
}
