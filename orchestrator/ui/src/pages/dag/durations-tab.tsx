// How long the runs of a DAG took over time, queued apart from running; and which of its tasks take how long. A click on a
// point opens its run.
import { Button, Group, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { useNavigate } from "react-router";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { quantile } from "../../format/stats";
import { duration, DURATION_STEPS } from "../../format/time";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded } from "../../parts/page";
import { type Measure, seriesOf } from "./durations";
import { TaskTimes } from "./task-times";
import type { Dag } from ".";

const Plot = lazy(() => import("../../parts/plot"));

const RUNS = 200;
/** Lines that can be told apart. */
const MOST_TASKS = 8;

export function DurationsTab({ dag }: { dag: Dag }) {
  const { name, last_run } = dag;
  const durations = useQuery({
    // What takes time is known once a run has ended; one that ends while a newer one goes on is seen a little later.
    queryKey: ["durations", name, last_run?.id, last_run?.ended_at],
    queryFn: () => ask(api.GET("/api/v1/dags/{dag}/durations", { params: { path: { dag: name }, query: { limit: RUNS } } })),
    refetchInterval: EVERY_MINUTE_MS,
    placeholderData: keepPreviousData,
  });
  return <Loaded query={durations} height={400}>{(data) => (data.runs.length === 0 ? <NoRuns /> : <Shown durations={data} />)}</Loaded>;
}

function Shown({ durations }: { durations: Schema<"Durations"> }) {
  const [words, choose] = useAddress();
  const chosen = (words.get("task") ?? "").split(",").filter((task) => durations.tasks.includes(task)).slice(0, MOST_TASKS);
  const measure: Measure = words.get("measure") === "queued" ? "queued" : "running";
  const toggle = (task: string) => {
    const next = chosen.includes(task) ? chosen.filter((each) => each !== task) : [...chosen, task].slice(-MOST_TASKS);
    choose({ task: next.length === 0 ? null : next.join(",") });
  };
  const title = chosen.length === 0 ? "Whole runs" : chosen.length === 1 ? (chosen[0] ?? "") : `${chosen.length} tasks`;
  return (
    <Stack gap="md">
      <Card title={title} actions={<Choices several={chosen.length > 1} any={chosen.length > 0} measure={measure} choose={choose} />} flush>
        <DurationPlot durations={durations} tasks={chosen.join(",")} measure={measure} title={title} />
      </Card>
      <Card title="Tasks, the longest first" flush>
        <TaskTimes durations={durations} chosen={chosen} onToggle={toggle} />
      </Card>
    </Stack>
  );
}

interface ChoicesProps {
  several: boolean;
  any: boolean;
  measure: Measure;
  choose: (choice: Record<string, string | null>) => void;
}

function Choices({ several, any, measure, choose }: ChoicesProps) {
  return (
    <Group gap="xs">
      {several && (
        <SegmentedControl
          size="xs"
          aria-label="What is shown of the tasks"
          data={[{ value: "running", label: "Ran" }, { value: "queued", label: "Queued" }]}
          value={measure}
          onChange={(value) => choose({ measure: value === "queued" ? "queued" : null })}
        />
      )}
      {any ? (
        <Button size="compact-sm" variant="default" onClick={() => choose({ task: null, measure: null })}>Whole runs</Button>
      ) : (
        <Text size="sm" c="dimmed">Choose tasks below to see them here.</Text>
      )}
    </Group>
  );
}

function DurationPlot({ durations, tasks, measure, title }: { durations: Schema<"Durations">; tasks: string; measure: Measure; title: string }) {
  const navigate = useNavigate();
  const series = useMemo(() => seriesOf(durations, tasks === "" ? [] : tasks.split(","), measure), [durations, tasks, measure]);
  const known = series.lines[0]?.values.filter((value) => value !== null) ?? [];
  const [median, p95] = [quantile(known, 0.5), quantile(known, 0.95)];
  const words = median === null || p95 === null ? "None of these runs has ended." : `Of ${known.length} runs half took up to ${duration(median)}, 95 % up to ${duration(p95)}.`;
  return (
    <div className="dag-plot">
      <Suspense fallback={<Skeleton height={260} role="status" aria-label="Loading" />}>
        <Plot
          x={series.x}
          lines={series.lines}
          format={duration}
          steps={DURATION_STEPS}
          height={260}
          label={`${title}: how long they took. ${words}`}
          onChoose={(place) => void navigate(`/runs/${series.runs[place] ?? ""}`)}
        />
      </Suspense>
      <Text size="sm" c="dimmed" pb="xs">{words} The runs stand at their T; a click opens one.</Text>
    </div>
  );
}

function NoRuns() {
  return <EmptyView title="No runs yet"><Text size="sm">Once this DAG has run, this shows how long it took.</Text></EmptyView>;
}
