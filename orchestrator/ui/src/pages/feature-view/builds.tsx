// The builds of a view over time: their rows or sizes as a plot, and one by one.
import { Badge, Group, SegmentedControl, Skeleton, Table, Text } from "@mantine/core";
import { lazy, Suspense, useMemo } from "react";
import { bytes, count } from "../../format/number";
import { Copied } from "../../parts/copied";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card } from "../../parts/page";
import { useAddress } from "../../parts/address";
import { Time } from "../../parts/time";
import { VirtualRows, WideTable } from "../../parts/wide-table";
import type { View } from "../features/views";
import { type Build, useBuilds } from "./use-builds";

const Plot = lazy(() => import("../../parts/plot"));

const MEASURES = {
  rows: { word: "Rows", of: (build: Build) => build.rows, format: count },
  size: { word: "Size", of: (build: Build) => build.size_bytes, format: bytes },
};

type Measure = keyof typeof MEASURES;

export function Builds({ view }: { view: View }) {
  const [address, choose] = useAddress();
  const query = useBuilds(view);
  const builds = useMemo(() => query.data?.pages.flatMap((page) => page.builds) ?? [], [query.data]);
  if (view.latest_build == null) {
    return <Card title="Builds"><EmptyView title="Not built yet"><Text size="sm">Run a DAG with a task that builds this view.</Text></EmptyView></Card>;
  }
  if (query.error !== null && query.data === undefined) return <Card title="Builds"><ErrorView error={query.error} again={() => void query.refetch()} /></Card>;
  if (query.data === undefined) return <Card title="Builds"><Skeleton height={300} role="status" aria-label="Loading" /></Card>;
  const measure: Measure = address.get("plot") === "size" ? "size" : "rows";
  const control = (
    <SegmentedControl
      size="xs"
      aria-label="What is plotted"
      data={Object.entries(MEASURES).map(([value, { word }]) => ({ value, label: word }))}
      value={measure}
      onChange={(value) => choose({ plot: value === "rows" ? null : value })}
    />
  );
  return (
    <Card title="Builds over time" actions={control} flush>
      <Group p="md" pb={0}><Curve builds={builds} measure={measure} current={view.latest_build.definition_hash} /></Group>
      <BuildTable builds={builds} current={view.latest_build.definition_hash} />
      <More query={query} of="builds" byHand />
    </Card>
  );
}

/** One line for each definition; the one of now is drawn as such. */
function Curve({ builds, measure, current }: { builds: Build[]; measure: Measure; current: string }) {
  const { word, of, format } = MEASURES[measure];
  const { x, lines } = useMemo(() => {
    const instants = [...new Set(builds.map((build) => Date.parse(build.as_of) / 1_000))].sort((one, other) => one - other);
    const lineOf = (label: string, wanted: (build: Build) => boolean) => {
      const values = new Map(builds.filter(wanted).map((build) => [Date.parse(build.as_of) / 1_000, of(build)]));
      return { label, values: instants.map((at) => values.get(at) ?? null) };
    };
    const now = lineOf(word, (build) => build.definition_hash === current);
    const before = lineOf(`${word}, earlier definitions`, (build) => build.definition_hash !== current);
    return { x: instants, lines: before.values.every((value) => value === null) ? [now] : [now, { ...before, color: "#868e96" }] };
  }, [builds, current, of, word]);
  return (
    <div style={{ width: "100%" }}>
      <Suspense fallback={<Skeleton height={220} role="status" aria-label="Loading" />}>
        <Plot x={x} lines={lines} format={format} label={`${word} of ${builds.length} builds over time; the list below has the numbers`} />
      </Suspense>
    </div>
  );
}

function BuildTable({ builds, current }: { builds: Build[]; current: string }) {
  const head = (
    <>
      <Table.Th>As of</Table.Th><Table.Th className="number">Rows</Table.Th><Table.Th className="number">Size</Table.Th>
      <Table.Th>Definition</Table.Th><Table.Th>Object</Table.Th>
    </>
  );
  return (
    <WideTable label="Builds" minWidth={560} head={head}>
      <VirtualRows rows={builds} columns={5} height={36} draw={(build, _, measure) => (
        <Table.Tr key={`${build.as_of} ${build.definition_hash}`} {...measure}>
          <Table.Td><Time at={build.as_of} /></Table.Td>
          <Table.Td className="number">{build.rows.toLocaleString("en")}</Table.Td>
          <Table.Td className="number">{bytes(build.size_bytes)}</Table.Td>
          <Table.Td>
            <Copied text={build.definition_hash} shown={build.definition_hash.slice(0, 8)} />{" "}
            {build.definition_hash !== current && <Badge variant="light" color="gray" tt="none">earlier</Badge>}
          </Table.Td>
          <Table.Td><Copied text={build.object} shown={build.object.slice(0, 8)} /></Table.Td>
        </Table.Tr>
      )} />
    </WideTable>
  );
}
