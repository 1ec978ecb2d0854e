// What can be done about a whole run: end it, or have it run again.
import { Button, Menu, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconChevronDown, IconPlayerStop, IconRefresh } from "@tabler/icons-react";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { RunDetail } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { AgainDialog, type RunAgain } from "./again";
import { hasEnded } from "./head";

/** What an action on a run has made old. */
export function touched(queries: QueryClient, { id, dag }: Pick<RunDetail, "id" | "dag">): void {
  for (const key of [["run", id], ["dag", dag], ["runs"], ["active"], ["audit"]]) void queries.invalidateQueries({ queryKey: key });
}

export function RunActions({ run }: { run: RunDetail }) {
  const { may } = useSession();
  if (!may("operator")) return null;
  return hasEnded(run) ? <Again run={run} /> : <Cancel run={run} />;
}

function Cancel({ run }: { run: RunDetail }) {
  const [opened, setOpened] = useState(false);
  const queries = useQueryClient();
  async function cancel(reason: string): Promise<void> {
    const body = reason === "" ? {} : { reason };
    await ask(api.POST("/api/v1/runs/{run}/cancel", { params: { path: { run: run.id } }, body }));
    notifications.show({ message: "The run is being cancelled" });
    touched(queries, run);
  }
  return (
    <>
      <Button variant="default" leftSection={<IconPlayerStop size={16} aria-hidden />} onClick={() => setOpened(true)}>Cancel</Button>
      <Confirm opened={opened} onClose={() => setOpened(false)} title="Cancel this run" verb="Cancel the run" danger reason="optional" act={cancel}>
        <Text size="sm">Tasks that run are told to end, and those that wait do not begin. What has succeeded stays. It can be run again afterwards.</Text>
      </Confirm>
    </>
  );
}

type Mode = "failed" | "all" | "latest";

const MODES: Record<Mode, { item: string; title: string; words: string; verb: string }> = {
  failed: {
    item: "From what failed",
    title: "Run again from what failed",
    words: "What failed, was cancelled or was left out runs again, with all that needs it. What has succeeded stays.",
    verb: "Run from what failed",
  },
  all: { item: "All tasks", title: "Run all tasks again", words: "The whole run again, with the same instant, window and parameters.", verb: "Run all again" },
  latest: {
    item: "The latest version",
    title: "Run the latest version",
    words: "A new run of the same instant, window and parameters, as the project declares the DAG now.",
    verb: "Make the new run",
  },
};

function Again({ run }: { run: RunDetail }) {
  const [mode, setMode] = useState<Mode | null>(null);
  const [opened, setOpened] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate();
  if (run.state === "skipped") return null;
  const bad = run.tasks.some(({ state }) => state === "failed" || state === "cancelled" || state === "upstream_failed");
  const open = (next: Mode) => {
    setMode(next);
    setOpened(true);
  };
  const request = (dry_run: boolean) => {
    const body = { from_failed: mode === "failed", latest: mode === "latest", dry_run };
    return ask(api.POST("/api/v1/runs/{run}/rerun", { params: { path: { run: run.id } }, body }));
  };
  async function done({ run_id, tasks }: RunAgain): Promise<void> {
    notifications.show({ message: tasks.length === 1 ? "One task runs again" : `${tasks.length.toLocaleString("en")} tasks run again` });
    touched(queries, run);
    if (run_id !== run.id) await navigate(`/runs/${run_id}`);
  }
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant={bad ? "filled" : "default"} leftSection={<IconRefresh size={16} aria-hidden />} rightSection={<IconChevronDown size={16} aria-hidden />}>Run again</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {(Object.keys(MODES) as Mode[]).filter((each) => each !== "failed" || bad).map((each) => <Menu.Item key={each} onClick={() => open(each)}>{MODES[each].item}</Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      {mode !== null && (
        <AgainDialog
          opened={opened}
          onClose={() => setOpened(false)}
          title={MODES[mode].title}
          words={MODES[mode].words}
          verb={MODES[mode].verb}
          about={["rerun", run.id, mode]}
          ask={request}
          onDone={done}
          latest={mode === "latest"}
        />
      )}
    </>
  );
}
