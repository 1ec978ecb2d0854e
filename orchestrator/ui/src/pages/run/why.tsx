// Why the run and each of its tasks are not running, in the server's words.
import { Switch, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { FirstFew } from "../../parts/first-few";
import { Card, Loaded } from "../../parts/page";
import { State } from "../../parts/state";
import { Words } from "../../parts/words";
import type { ViewProps } from "./views";

const ENDED = new Set(["succeeded", "skipped", "cancelled", "upstream_failed", "failed"]);

export function WhyTab({ run, zone, onChoose }: ViewProps) {
  const why = useQuery({
    queryKey: ["run", run.id, "why"],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}/why", { params: { path: { run: run.id } } })),
  });
  return <Loaded query={why} height={240}>{(answer) => <Answer answer={answer} zone={zone} onChoose={onChoose} />}</Loaded>;
}

function Answer({ answer, zone, onChoose }: { answer: Schema<"RunWhy"> } & Pick<ViewProps, "zone" | "onChoose">) {
  const [words, choose] = useAddress();
  const open = answer.tasks.filter(({ state }) => !ENDED.has(state));
  const all = words.get("ended") !== null || open.length === 0;
  const shown = all ? answer.tasks : open;
  return (
    <Card
      title="Why is this not running?"
      flush
      actions={open.length > 0 && <Switch label="Those that have ended too" checked={all} onChange={(event) => choose({ ended: event.currentTarget.checked ? "1" : null })} />}
    >
      {answer.run.map(({ words: reason }) => <Text key={reason} px="md" py="sm">This run <Words text={reason} zone={zone} />.</Text>)}
      {shown.length === 0 && <EmptyView title="It has no tasks" />}
      <FirstFew items={shown}>
        {(tasks) => tasks.map(({ task, state, words: reason }) => (
          <div key={task} className="run-why">
            <span><button type="button" className="link-button clip" title={task} onClick={() => onChoose(task)}><strong>{task}</strong></button><br /><State state={state} /></span>
            <span>It <Words text={reason} zone={zone} /></span>
          </div>
        ))}
      </FirstFew>
    </Card>
  );
}
