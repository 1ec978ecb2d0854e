// One DAG: when it runs, how its runs went, and what it is made of. Its parts are tabs, kept in the address.
import { Badge, Button, Group, Tabs } from "@mantine/core";
import { IconBolt, IconRepeat } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link, useParams } from "react-router";
import { api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { Loaded, Page } from "../../parts/page";
import { PauseDag } from "../../parts/pause-dag";
import { DurationsTab } from "./durations-tab";
import { Facts } from "./facts";
import { GraphTab } from "./graph-tab";
import { GridTab } from "./grid-tab";
import { RunsTab } from "./runs-tab";
import { SourceTab } from "./source-tab";
import "./dag.css";

const TriggerDialog = lazy(() => import("../../parts/trigger-dialog"));

export type Dag = Schema<"DagDetail">;

const TABS = {
  overview: { word: "Graph", Body: GraphTab },
  grid: { word: "Grid", Body: GridTab },
  durations: { word: "Durations", Body: DurationsTab },
  runs: { word: "Runs", Body: RunsTab },
  yaml: { word: "YAML", Body: SourceTab },
};
type Tab = keyof typeof TABS;

export default function DagPage() {
  const { dag: name = "" } = useParams();
  const dag = useQuery({ queryKey: ["dag", name, "detail"], queryFn: () => ask(api.GET("/api/v1/dags/{dag}", { params: { path: { dag: name } } })) });
  const paused = dag.data?.paused;
  return (
    <Page
      title={name}
      above={[["/dags", "DAGs"]]}
      beside={paused != null && <Badge variant="light" color="orange" tt="none" size="lg">paused</Badge>}
      actions={dag.data !== undefined && <Actions dag={dag.data} />}
    >
      <Loaded query={dag} height={420}>
        {(detail) => (
          <>
            <Facts dag={detail} />
            <DagTabs dag={detail} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function DagTabs({ dag }: { dag: Dag }) {
  const [words, choose] = useAddress();
  const asked = words.get("tab") ?? "";
  const tab = asked in TABS ? (asked as Tab) : "overview";
  // What is chosen within a tab belongs to it.
  const go = (next: string | null) => choose({ tab: next === "overview" ? null : next, task: null, file: null, from: null, to: null, show: null, measure: null });
  return (
    <Tabs value={tab} onChange={go} keepMounted={false}>
      <Tabs.List className="dag-tabs">
        {Object.entries(TABS).map(([value, { word }]) => <Tabs.Tab key={value} value={value}>{word}</Tabs.Tab>)}
      </Tabs.List>
      {Object.entries(TABS).map(([value, { Body }]) => <Tabs.Panel key={value} value={value} pt="md"><Body dag={dag} /></Tabs.Panel>)}
    </Tabs>
  );
}

function Actions({ dag }: { dag: Dag }) {
  const [words, choose] = useAddress();
  const triggering = words.get("trigger") === "1";
  if (!useSession().may("operator")) return null;
  return (
    <Group gap="xs">
      <PauseDag dag={dag.name} paused={dag.paused != null} />
      <Button variant="default" component={Link} to={`/backfills?dag=${encodeURIComponent(dag.name)}&start=1`} leftSection={<IconRepeat size={16} aria-hidden />}>Backfill</Button>
      <Button leftSection={<IconBolt size={16} aria-hidden />} onClick={() => choose({ trigger: "1" })}>Trigger</Button>
      {triggering && <Suspense><TriggerDialog dag={dag.name} opened onClose={() => choose({ trigger: null })} /></Suspense>}
    </Group>
  );
}
