// What can be done about one task: decide what it waits for, have it run again with all that needs it, say how it ends.
import { Button, Group } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCheck, IconFlag, IconRefresh, IconX } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { RunDetail, TaskRun } from "../../api/types";
import { touched } from "./actions";
import { AgainDialog } from "./again";
import { awaitsApproval } from "./attention";
import { type Decision, DecisionDialog } from "./decision";
import { hasEnded } from "./head";
import { MarkDialog } from "./mark";

const ENDS: ReadonlySet<TaskRun["state"]> = new Set(["succeeded", "failed", "skipped", "upstream_failed", "cancelled"]);

export function TaskActions({ run, task }: { run: RunDetail; task: TaskRun }) {
  const [decision, setDecision] = useState<Decision | null>(null);
  const [clears, setClears] = useState(false);
  const [marks, setMarks] = useState(false);
  const { may } = useSession();
  const queries = useQueryClient();
  if (!may("operator")) return null;
  const ended = ENDS.has(task.state);
  const mayClear = ended && run.state !== "queued" && run.state !== "skipped";
  const mayMark = !ended && !hasEnded(run);
  const decides = awaitsApproval(task);
  const clear = (dry_run: boolean) => ask(api.POST("/api/v1/runs/{run}/tasks/{task}/clear", { params: { path: { run: run.id, task: task.name } }, body: { dry_run } }));
  return (
    <>
      {(mayClear || mayMark || decides) && (
        <Group gap="xs">
          {decides && <Button size="xs" leftSection={<IconCheck size={14} aria-hidden />} onClick={() => setDecision("approve")}>Approve…</Button>}
          {decides && <Button size="xs" variant="default" leftSection={<IconX size={14} aria-hidden />} onClick={() => setDecision("reject")}>Reject…</Button>}
          {mayClear && <Button size="xs" variant="default" leftSection={<IconRefresh size={14} aria-hidden />} onClick={() => setClears(true)}>Clear…</Button>}
          {mayMark && <Button size="xs" variant="default" leftSection={<IconFlag size={14} aria-hidden />} onClick={() => setMarks(true)}>Mark…</Button>}
        </Group>
      )}
      <DecisionDialog run={run} task={task} decision={decision} onClose={() => setDecision(null)} />
      <MarkDialog run={run} task={task.name} opened={marks} onClose={() => setMarks(false)} />
      <AgainDialog
        opened={clears}
        onClose={() => setClears(false)}
        title={`Clear ${task.name}`}
        verb="Clear and run again"
        words="It runs again, and so does all that needs it; what they handed on is forgotten."
        about={["clear", run.id, task.name]}
        ask={clear}
        onDone={({ tasks }) => {
          notifications.show({ message: tasks.length === 1 ? `${task.name} runs again` : `${task.name} and ${tasks.length - 1} more run again` });
          touched(queries, run);
        }}
      />
    </>
  );
}
