// Approves or rejects what a task waits for, with a note for those who look later.
import { Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ask } from "../../api/client";
import type { RunDetail, TaskRun } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { touched } from "./actions";

export type Decision = "approve" | "reject";

interface Props {
  run: RunDetail;
  task: TaskRun;
  /** None: the dialog is closed. */
  decision: Decision | null;
  onClose: () => void;
}

export function DecisionDialog({ run, task, decision, onClose }: Props) {
  // What it says stays while it closes, and so does the wait it is about, whatever begins meanwhile.
  const [about, setAbout] = useState<{ decision: Decision; fence: number | undefined }>({ decision: "approve", fence: undefined });
  const fence = task.wait?.fence;
  useEffect(() => {
    if (decision !== null) setAbout({ decision, fence });
    // A wait that begins anew while the dialog is open is another one.
  }, [decision]);
  const queries = useQueryClient();
  const approve = about.decision === "approve";
  const skips = task.wait?.condition.for === "approval" && task.wait.condition.on_reject === "skip";
  async function decide(note: string): Promise<void> {
    const body = { decision: about.decision, ...(note === "" ? {} : { note }), ...(about.fence === undefined ? {} : { fence: about.fence }) };
    await ask(api.POST("/api/v1/runs/{run}/tasks/{task}/decision", { params: { path: { run: run.id, task: task.name } }, body }));
    notifications.show({ message: `${task.name} is ${approve ? "approved" : "rejected"}` });
    touched(queries, run);
  }
  return (
    <Confirm
      opened={decision !== null}
      onClose={onClose}
      title={approve ? `Approve ${task.name}` : `Reject ${task.name}`}
      verb={approve ? "Approve" : "Reject"}
      danger={!approve}
      reason="optional"
      act={decide}
    >
      <Text size="sm">
        {approve ? "The run goes on with the tasks that need it." : skips ? "The task is skipped." : "The task fails, and what needs it does not run."} The reason is handed on with the decision.
      </Text>
    </Confirm>
  );
}
