// A field for an instant: a wall clock and the zone it is meant in. A DAG's own zone comes first: its days begin there.
import { Group, NativeSelect, TextInput } from "@mantine/core";
import { ownZone } from "../format/time";
import { instantOf, type Moment, wallClock } from "../format/zone";

interface Props {
  label: string;
  description?: string;
  value: Moment;
  onChange: (moment: Moment) => void;
  /** The DAG's. */
  zone?: string | undefined;
  error?: string | undefined;
  required?: boolean;
}

/** With its own zone beside it. */
export function InstantInput(props: Props) {
  const { label, value, onChange, zone } = props;
  return (
    <Group gap="xs" align="flex-start" wrap="nowrap">
      <WallClock {...props} />
      <ZoneSelect label="Zone" of={label} value={value.zone} onChange={(next) => onChange({ ...value, zone: next })} zone={zone} width="40%" />
    </Group>
  );
}

/** The wall clock alone: several may hang in one zone. */
export function WallClock({ label, description, value, onChange, error, required = false }: Props) {
  const instant = instantOf(value);
  // Once there is an instant, what an empty field means is no news any more.
  const below = instant === null || value.zone === "UTC" ? description : `= ${wallClock(instant, "UTC").replace("T", " ")} UTC`;
  return (
    <TextInput
      type="datetime-local"
      label={label}
      description={below ?? null}
      inputWrapperOrder={["label", "input", "description", "error"]}
      value={value.wall}
      onChange={(event) => onChange({ ...value, wall: event.currentTarget.value })}
      error={error ?? null}
      required={required}
      flex={1}
      miw={0}
    />
  );
}

interface ZoneProps {
  label: string;
  /** The field that it belongs to, for those who do not see it beside that. */
  of?: string;
  value: string;
  onChange: (zone: string) => void;
  zone: string | undefined;
  width?: string;
}

export function ZoneSelect({ label, of, value, onChange, zone, width = "100%" }: ZoneProps) {
  const zones = [...new Set([value, ...(zone === undefined ? [] : [zone]), ownZone(), "UTC"])];
  const named = of === undefined ? {} : { "aria-label": `${label} of ${of}` };
  return <NativeSelect label={label} {...named} data={zones} value={value} onChange={(event) => onChange(event.currentTarget.value)} w={width} />;
}
