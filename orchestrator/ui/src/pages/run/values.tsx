// What a run was given, and what its tasks handed on.
import { Text } from "@mantine/core";
import { EmptyView } from "../../parts/empty-view";
import { FirstFew } from "../../parts/first-few";
import { JsonView } from "../../parts/json-view";
import { Card } from "../../parts/page";
import { State } from "../../parts/state";
import type { ViewProps } from "./views";

export function RunValues({ run, onChoose }: ViewProps) {
  const speaking = run.tasks.filter(({ outputs }) => Object.keys(outputs).length > 0);
  return (
    <div className="run-values">
      <Card title="Parameters">
        {Object.keys(run.params).length === 0 ? <Text size="sm" c="dimmed">This run was given none.</Text> : <JsonView value={run.params} label="parameters" />}
      </Card>
      <Card title="Outputs" flush>
        {speaking.length === 0 && <EmptyView title="Nothing yet">No task has handed anything on.</EmptyView>}
        <FirstFew items={speaking} few={30}>
          {(tasks) => tasks.map((task) => (
            <section key={task.name} className="run-output">
              <div className="run-output-head">
                <button type="button" className="link-button" onClick={() => onChoose(task.name)}><strong>{task.name}</strong></button>
                <State state={task.state} />
              </div>
              <JsonView value={task.outputs} label={`outputs of ${task.name}`} />
            </section>
          ))}
        </FirstFew>
      </Card>
    </div>
  );
}
