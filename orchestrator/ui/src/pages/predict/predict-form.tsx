// What the model asks for, as a form or as JSON. The values are in the address once they are sent.
import { Button, Group, JsonInput, SegmentedControl, Select, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { ErrorView } from "../../parts/error-view";
import { Card } from "../../parts/page";
import { bodyOf, type Field, fieldsOf, fromAddress, mistake, readBody, type Texts, toAddress } from "./fields";
import { usePredict } from "./use-predict";

export function PredictForm({ model, live: { signature } }: { model: string; live: Schema<"LiveVersion"> }) {
  const [address, choose] = useAddress();
  const fields = fieldsOf(signature);
  const given = fromAddress(fields, address);
  const [texts, setTexts] = useState(given);
  const [body, setBody] = useState<string | null>(null);
  // A prediction of this session that is shown again brings its values back.
  const shown = address.get("prediction");
  const [before, setBefore] = useState(shown);
  if (shown !== before) {
    setBefore(shown);
    setTexts(given);
    setBody(null);
  }
  const predict = usePredict(model);
  const byHand = body === null ? { texts, unfit: [] } : readBody(body);
  const unfit = typeof byHand === "string" ? [] : byHand.unfit;
  const wrong = typeof byHand === "string" || fields.some((field) => body === null && mistake(field, texts[field.name] ?? "") !== null);

  function send(event: FormEvent): void {
    event.preventDefault();
    if (typeof byHand === "string") return;
    predict.mutate(
      { body: body ?? bodyOf(fields, texts), texts: byHand.texts },
      { onSuccess: ({ answer }) => choose({ ...toAddress(byHand.texts), prediction: answer.prediction_id }) },
    );
  }
  function turn(to: string): void {
    if (to === "json") setBody(bodyOf(fields, texts));
    else {
      if (typeof byHand !== "string") setTexts(byHand.texts);
      setBody(null);
    }
  }

  const control = <SegmentedControl size="xs" aria-label="How it is written" data={[{ value: "form", label: "Form", disabled: unfit.length > 0 }, { value: "json", label: "JSON" }]} value={body === null ? "form" : "json"} onChange={turn} />;
  return (
    <Card title="Request" actions={control}>
      <form onSubmit={send}>
        {body === null ? (
          <Fields fields={fields} keys={signature.entity_keys} texts={texts} errors={byPointer(predict.error)} onChange={setTexts} />
        ) : (
          <JsonInput label="Row" value={body} onChange={setBody} autosize minRows={8} maxRows={24} formatOnBlur={false} error={typeof byHand === "string" ? byHand : null} description={unfit.length === 0 ? null : `A form cannot hold all of ${unfit.join(", ")}, so it stays as JSON`} classNames={{ input: "mono" }} />
        )}
        <Group justify="space-between" mt="md">
          <Text size="xs" c="dimmed">{signature.missing === "impute" ? "Empty means not known: the model makes up a value." : "Empty means not known: the model may refuse."}</Text>
          <Button type="submit" loading={predict.isPending} disabled={wrong}>Predict</Button>
        </Group>
      </form>
      {predict.error !== null && <ErrorView error={predict.error} title="Nothing was predicted" />}
    </Card>
  );
}

interface FieldsProps {
  fields: readonly Field[];
  keys: readonly Field[];
  texts: Texts;
  errors: Map<string, string>;
  onChange: (texts: Texts) => void;
}

function Fields({ fields, keys, texts, errors, onChange }: FieldsProps) {
  const isKey = new Set(keys.map(({ name }) => name));
  return (
    <div className="predict-fields">
      {fields.map((field) => {
        const { name, type } = field;
        const text = texts[name] ?? "";
        const shared = {
          label: <>{name} <span className="predict-type">{type}{isKey.has(name) ? ", key" : ""}</span></>,
          error: mistake(field, text) ?? errors.get(name) ?? null,
        };
        if (type === "bool") return <Select key={name} {...shared} data={["true", "false"]} value={text === "" ? null : text} clearable onChange={(value) => onChange({ ...texts, [name]: value ?? "" })} />;
        const mode = /^[iu]\d/.test(type) ? "numeric" : /^f\d/.test(type) ? "decimal" : "text";
        return <TextInput key={name} {...shared} inputMode={mode} autoComplete="off" value={text} onChange={(event) => onChange({ ...texts, [name]: mode === "text" ? event.currentTarget.value : event.currentTarget.value.trim() })} />;
      })}
    </div>
  );
}

/** What the endpoint says of single fields, at `/name`. */
function byPointer(error: Error | null): Map<string, string> {
  const errors = error instanceof ApiError ? (error.problem?.errors ?? []) : [];
  return new Map(errors.map(({ pointer, hint }) => [(pointer ?? "").slice(1), hint]));
}
