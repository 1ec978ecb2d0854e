// One run, live: how it stands and why, what can be done about it, its tasks in several views, and the task that is chosen.
import { Badge } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { api, ask } from "../../api/client";
import { useDeclared, zoneOf } from "../../api/declared";
import type { RunDetail } from "../../api/types";
import { instant } from "../../format/time";
import { useAddress } from "../../parts/address";
import { Loaded, Page } from "../../parts/page";
import { usePanelFocus } from "../../parts/panel-focus";
import { State } from "../../parts/state";
import { RunActions } from "./actions";
import { Attention } from "./attention";
import { hasEnded, Head } from "./head";
import { TaskPanel } from "./task-panel";
import { Views } from "./views";
import "./run.css";

const WHILE_IT_RUNS_MS = 5_000;

export default function RunPage() {
  const { run: id = "" } = useParams();
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}", { params: { path: { run: id } } })),
    // A run that is run again and ends between two looks of the server is told by no event.
    refetchInterval: ({ state: { data } }) => (data === undefined || hasEnded(data) ? false : WHILE_IT_RUNS_MS),
  });
  if (run.data === undefined) return <Page title="Run" above={[["/runs", "Runs"]]}><Loaded query={run} height={420}>{() => null}</Loaded></Page>;
  return <Run run={run.data} failed={run.error} />;
}

function Run({ run, failed }: { run: RunDetail; failed: Error | null }) {
  const zone = zoneOf(useDeclared(run.dag).data);
  const [words, choose] = useAddress();
  const chosen = words.get("task");
  const heading = usePanelFocus(chosen);
  const wide = words.get("wide") !== null;
  const beside = (
    <>
      <State state={run.state} />
      {failed !== null && <Badge color="orange" variant="light" tt="none" title={failed.message}>may be old</Badge>}
    </>
  );
  return (
    <Page
      title={`${run.dag} ${instant(run.window_end)}`}
      above={[["/runs", "Runs"], [`/dags/${run.dag}`, run.dag]]}
      beside={beside}
      actions={<RunActions run={run} />}
    >
      <Head run={run} zone={zone} />
      <Attention run={run} zone={zone} onChoose={(task) => choose({ task })} />
      <div className={chosen === null ? "run-body" : wide ? "run-body run-body-wide" : "run-body run-body-split"}>
        <Views run={run} zone={zone} chosen={chosen} onChoose={(task) => choose({ task })} />
        {chosen !== null && <TaskPanel key={chosen} run={run} name={chosen} zone={zone} heading={heading} />}
      </div>
    </Page>
  );
}
