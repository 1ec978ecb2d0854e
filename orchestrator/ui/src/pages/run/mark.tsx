// Says how a task that has not ended ends, whatever it does: with a reason, and with outputs where it is to have succeeded.
import { SegmentedControl, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import type { RunDetail, Schema } from "../../api/types";
import type { Values } from "../../format/params";
import { Confirm } from "../../parts/confirm";
import { STATES } from "../../theme";
import { touched } from "./actions";

type Word = Schema<"MarkWord">;

const WORDS: Record<Word, string> = {
  succeeded: "It counts as done, and the tasks that need it go on. What runs is told to end.",
  failed: "It counts as failed, and the tasks that need it do not run.",
  skipped: "It is left out, and so are the tasks that need it, unless their trigger rule says otherwise.",
};

interface Props {
  run: RunDetail;
  task: string;
  opened: boolean;
  onClose: () => void;
}

export function MarkDialog({ run, task, opened, onClose }: Props) {
  const [word, setWord] = useState<Word>("succeeded");
  const [text, setText] = useState("");
  const queries = useQueryClient();
  const outputs = word === "succeeded" ? outputsOf(text) : {};
  async function mark(reason: string): Promise<void> {
    const body = { state: word, reason, ...(outputs === null || Object.keys(outputs).length === 0 ? {} : { outputs }) };
    await ask(api.POST("/api/v1/runs/{run}/tasks/{task}/mark", { params: { path: { run: run.id, task } }, body }));
    notifications.show({ message: `${task} is marked as ${STATES[word].word}` });
    touched(queries, run);
  }
  return (
    <Confirm opened={opened} onClose={onClose} title={`Mark ${task}`} verb={`Mark as ${STATES[word].word}`} danger={word === "failed"} reason="required" disabled={outputs === null} act={mark}>
      <SegmentedControl
        aria-label="It ends as"
        fullWidth
        value={word}
        onChange={(next) => setWord(next as Word)}
        data={(Object.keys(WORDS) as Word[]).map((value) => ({ value, label: STATES[value].word }))}
      />
      <Text size="sm">{WORDS[word]}</Text>
      {word === "succeeded" && (
        <Textarea
          label="Outputs"
          description={'What it hands on, as JSON: {"rows": 12}. May stay empty.'}
          classNames={{ input: "mono" }}
          autosize
          maxRows={10}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={outputs === null ? 'It must be a map as JSON: {"key": 1}.' : null}
        />
      )}
    </Confirm>
  );
}

/** None: it does not read as a map. */
function outputsOf(text: string): Values | null {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : null;
  } catch {
    return null;
  }
}
