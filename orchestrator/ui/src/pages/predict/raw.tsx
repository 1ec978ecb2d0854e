// The same as programs see it: the answer, the record of the log, and the request to copy.
import { Button, CopyButton, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { JsonView } from "../../parts/json-view";
import { Card } from "../../parts/page";
import type { Made, PredictionRecord } from "./use-predict";

interface Props {
  model: string;
  made: Made | undefined;
  record: PredictionRecord | undefined;
}

export function Raw({ model, made, record }: Props) {
  const [asked, setAsked] = useState("record");
  const shown = made === undefined ? "record" : asked;
  const value = shown === "answer" ? made?.answer : record;
  if (value === undefined) return null;
  const actions = (
    <>
      {made !== undefined && <SegmentedControl size="xs" aria-label="Which JSON" data={[{ value: "answer", label: "Answer" }, { value: "record", label: "Log" }]} value={shown} onChange={setAsked} />}
      {record !== undefined && (
        <CopyButton value={curl(model, record.row)}>
          {({ copied, copy }) => <Button size="compact-sm" variant="default" onClick={copy}>{copied ? "Copied" : "Copy as curl"}</Button>}
        </CopyButton>
      )}
    </>
  );
  return <Card title="As JSON" actions={actions}><JsonView value={value} label={shown === "answer" ? "the answer" : "the prediction as it is kept"} /></Card>;
}

/** The token stays out of it. */
function curl(model: string, row: unknown): string {
  const body = JSON.stringify(row).replaceAll("'", "'\\''");
  return `curl ${location.origin}/v1/models/${model}/predict -H "authorization: Bearer $DAYBREAK_TOKEN" -H 'content-type: application/json' -d '${body}'`;
}
