// The metrics of a model's versions over the instants they are of: a line for each metric that is chosen. A click chooses the
// version.
import { Chip, Group, Skeleton, Text } from "@mantine/core";
import { lazy, Suspense, useMemo } from "react";
import { metric } from "../../format/number";
import { useAddress } from "../../parts/address";
import { Card } from "../../parts/page";
import { type Model, useVersions, type Version } from "./use-model";

const Plot = lazy(() => import("../../parts/plot"));

export function MetricsOverTime({ model }: { model: Model }) {
  const [address, choose] = useAddress();
  const { data } = useVersions(model.name);
  const versions = useMemo(() => inOrder(data?.pages.flatMap((page) => page.versions) ?? []), [data]);
  const names = useMemo(() => [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))].sort(), [versions]);
  const asked = address.get("metrics")?.split(",").filter((name) => names.includes(name));
  const chosen = asked === undefined || asked.length === 0 ? names : asked;
  const plotted = useMemo(() => plotOf(versions, names), [versions, names]);
  const lines = useMemo(() => plotted.lines.filter(({ label }) => chosen.includes(label)), [plotted, chosen.join(",")]);
  if (data === undefined) return <Card title="Metrics over time"><Skeleton height={240} role="status" aria-label="Loading" /></Card>;
  if (names.length === 0) return null;
  const chips = (
    <Chip.Group multiple value={chosen} onChange={(next) => choose({ metrics: next.length === names.length ? null : next.join(",") })}>
      <Group gap={6} role="group" aria-label="Metrics that are plotted">{names.map((name) => <Chip key={name} value={name} size="xs">{name}</Chip>)}</Group>
    </Chip.Group>
  );
  return (
    <Card title="Metrics over time" actions={chips}>
      <Suspense fallback={<Skeleton height={240} role="status" aria-label="Loading" />}>
        <Plot x={plotted.x} lines={lines} format={metric} height={240} label={`${chosen.join(", ")} of ${versions.length} versions over time; the table below has the numbers`} onChoose={(place) => choose({ version: String(versions[place]?.version ?? "") })} />
      </Suspense>
      {versions.length === 1 && <Text size="sm" c="dimmed">One version so far: a line needs two.</Text>}
    </Card>
  );
}

/** By the instants they are of; of several of one instant the newest. */
function inOrder(versions: Version[]): Version[] {
  const byInstant = new Map<string, Version>();
  for (const version of versions) {
    if (version.version > (byInstant.get(version.as_of)?.version ?? 0)) byInstant.set(version.as_of, version);
  }
  return [...byInstant.values()].sort((one, other) => Date.parse(one.as_of) - Date.parse(other.as_of));
}

/** A line keeps its colour whichever others are shown. */
const COLORS = ["#7c5cdb", "#0c8599", "#d9480f", "#2b8a3e", "#c2255c"];

function plotOf(versions: Version[], names: string[]) {
  const x = versions.map((version) => Date.parse(version.as_of) / 1_000);
  const lines = names.map((name, place) => ({ label: name, color: COLORS[place % COLORS.length] ?? "#7c5cdb", values: versions.map((version) => version.metrics[name] ?? null) }));
  return { x, lines };
}
