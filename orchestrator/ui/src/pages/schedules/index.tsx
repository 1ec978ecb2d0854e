// When DAGs fire in the next weeks: a calendar in the viewer's zone, UTC or each DAG's own, with the days on which clocks change.
import { ActionIcon, Alert, Button, Code, Group, SegmentedControl, Select, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import { ownZone } from "../../format/time";
import { useAddress } from "../../parts/address";
import { useBusinessNow } from "../../parts/business-now";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded, Page } from "../../parts/page";
import { usePanelFocus } from "../../parts/panel-focus";
import { Time } from "../../parts/time";
import { ChosenDay } from "./chosen-day";
import { ClockChanges } from "./clock-changes";
import { dayOf, isDay, monday, plusDays, rangeWords, WEEKS } from "./days";
import { type Clock, useCalendar, zoneOf } from "./use-calendar";
import { Weeks } from "./weeks";
import "./schedules.css";

export default function Schedules() {
  const now = useBusinessNow();
  const dags = useQuery({ queryKey: ["schedules", "dags"], queryFn: () => ask(api.GET("/api/v1/dags", { params: { query: { limit: 500 } } })), refetchInterval: EVERY_MINUTE_MS });
  const scheduled = dags.data?.dags.filter((dag) => dag.schedules.length > 0).map(({ name }) => name);
  return (
    <Page title="Schedules" actions={<Choices dags={scheduled ?? []} />}>
      <Loaded query={dags} height={500}>
        {() => (scheduled?.length === 0 && dags.data?.next == null ? <NoSchedules /> : now !== undefined && <CalendarCard now={now} />)}
      </Loaded>
    </Page>
  );
}

function NoSchedules() {
  return (
    <EmptyView title="No DAG has a schedule">
      <Text size="sm">Write <Code>schedule: {"{ cron: \"30 2 * * *\", timezone: Europe/Berlin }"}</Code> in a DAG; until then they run by hand, or after one another.</Text>
    </EmptyView>
  );
}

function useClock(): Clock {
  const [address] = useAddress();
  const asked = address.get("zone");
  return asked === "utc" || asked === "dag" ? asked : "own";
}

function Choices({ dags }: { dags: string[] }) {
  const [address, choose] = useAddress();
  const clock = useClock();
  const zones = [{ value: "own", label: ownZone() }, { value: "dag", label: "DAG's zone" }];
  // A viewer in UTC has no need of it twice.
  if (ownZone() !== "UTC") zones.splice(1, 0, { value: "utc", label: "UTC" });
  return (
    <>
      <Select aria-label="DAG" placeholder="All DAGs" data={dags} value={address.get("dag")} onChange={(dag) => choose({ dag })} searchable clearable w={220} />
      <SegmentedControl aria-label="Whose clock" data={zones} value={clock === "utc" && ownZone() === "UTC" ? "own" : clock} onChange={(zone) => choose({ zone: zone === "own" ? null : zone })} />
    </>
  );
}

function CalendarCard({ now }: { now: number }) {
  const [address, choose] = useAddress();
  const clock = useClock();
  const today = dayOf(now, zoneOf(clock, ownZone()));
  const [asked, chosen] = [address.get("from"), address.get("day")];
  const heading = usePanelFocus(isDay(chosen) ? chosen : null);
  const first = monday(isDay(asked) ? asked : today);
  const { query, calendar } = useCalendar(first, clock, address.get("dag"));
  const go = (weeks: number) => choose({ from: plusDays(first, weeks * 7), day: null });
  const moves = (
    <Group gap={6}>
      <Button size="compact-sm" variant="default" disabled={first === monday(today)} onClick={() => choose({ from: null, day: null })}>Now</Button>
      <ActionIcon variant="default" aria-label={`${WEEKS} weeks earlier`} onClick={() => go(-WEEKS)}><IconChevronLeft size={16} /></ActionIcon>
      <ActionIcon variant="default" aria-label={`${WEEKS} weeks later`} onClick={() => go(WEEKS)}><IconChevronRight size={16} /></ActionIcon>
    </Group>
  );
  return (
    <>
      <Card title={rangeWords(first, plusDays(first, WEEKS * 7 - 1))} actions={moves} flush>
        <Loaded query={query} height={480}>
          {() => calendar !== undefined && (
            <>
              {calendar.until !== null && <Alert color="orange" radius={0}>There are more firings than can be shown: these go to <Time at={calendar.until} />. Choose one DAG to see all of its.</Alert>}
              <Weeks calendar={calendar} first={first} today={today} />
            </>
          )}
        </Loaded>
      </Card>
      {calendar !== undefined && isDay(chosen) && <ChosenDay calendar={calendar} day={chosen} heading={heading} />}
      {calendar !== undefined && <ClockChanges changes={calendar.changes} />}
    </>
  );
}
