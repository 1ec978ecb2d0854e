// The fields of a DAG's parameters, made from what the DAG says of them. What they hold is text until it is read
// (`format/params.ts`).
import { Select, Stack, Switch, Textarea, TextInput } from "@mantine/core";
import { type Draft, type Param, textOf, wordsOf } from "../format/params";

interface Props {
  params: readonly Param[];
  draft: Draft;
  /** By name of the parameter. */
  errors: Record<string, string>;
  onChange: (draft: Draft) => void;
}

export function ParamFields({ params, draft, errors, onChange }: Props) {
  return (
    <Stack gap="sm">
      {params.map((param) => (
        <ParamField
          key={param.name}
          param={param}
          text={draft[param.name] ?? ""}
          error={errors[param.name] ?? null}
          onChange={(text) => onChange({ ...draft, [param.name]: text })}
        />
      ))}
    </Stack>
  );
}

/** What may be given stands below the field, where the eye goes when it is wrong. */
const ORDER = ["label", "input", "description", "error"] as const;

interface FieldProps {
  param: Param;
  text: string;
  error: string | null;
  onChange: (text: string) => void;
}

function ParamField({ param, text, error, onChange }: FieldProps) {
  const { name, type, default: given, description } = param;
  const required = given == null;
  const below = [description ?? "", type === "string" || type === "boolean" || param.enum !== undefined ? "" : wordsOf(param)].filter(Boolean).join(" · ");
  const props = { label: name, description: below === "" ? null : below, error, required, inputWrapperOrder: [...ORDER] };
  if (param.enum !== undefined) return <Choice {...props} data={param.enum.map((value) => option(param, value))} text={text} onChange={onChange} />;
  if (type === "boolean" && !required) {
    return <Switch label={name} description={description ?? null} error={error} checked={text === "true"} onChange={(event) => onChange(String(event.currentTarget.checked))} />;
  }
  if (type === "boolean") return <Choice {...props} data={["true", "false"].map((value) => ({ value, label: value }))} text={text} onChange={onChange} />;
  if (type === "list" || type === "map") {
    return <Textarea {...props} classNames={{ input: "mono" }} autosize minRows={1} maxRows={12} spellCheck={false} value={text} onChange={(event) => onChange(event.currentTarget.value)} />;
  }
  const inputMode = type === "string" ? "text" : type === "integer" ? "numeric" : "decimal";
  return <TextInput {...props} inputMode={inputMode} autoComplete="off" value={text} onChange={(event) => onChange(event.currentTarget.value)} />;
}

interface ChoiceProps {
  label: string;
  description: string | null;
  error: string | null;
  required: boolean;
  data: { value: string; label: string }[];
  text: string;
  onChange: (text: string) => void;
}

function Choice({ data, text, required, onChange, ...props }: ChoiceProps) {
  return (
    <Select
      {...props}
      data={data}
      value={text === "" ? null : text}
      required={required}
      allowDeselect={false}
      searchable={data.length > 8}
      placeholder="Choose one"
      onChange={(value) => onChange(value ?? "")}
    />
  );
}

function option(param: Param, value: unknown): { value: string; label: string } {
  return { value: textOf(param, value), label: typeof value === "string" ? value : JSON.stringify(value) };
}
