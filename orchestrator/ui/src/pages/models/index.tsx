// The models: what is live of each, and how its newest version does beside it.
import { Anchor, Code, Group, Table, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { count } from "../../format/number";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card, Loaded, Page } from "../../parts/page";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { AliasBadge, Metrics, VersionLink } from "./metrics";
import "./models.css";

type Model = Schema<"ModelSummary">;

export default function Models() {
  const query = useInfiniteQuery({
    queryKey: ["models", "list"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/models", { params: { query: pageParam === null ? {} : { after: pageParam } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const models = query.data?.pages.flatMap((page) => page.models) ?? [];
  if (query.error !== null && query.data === undefined) return <Page title="Models"><ErrorView error={query.error} again={() => void query.refetch()} /></Page>;
  return (
    <Page title="Models">
      {query.data !== undefined && models.length === 0 ? <NoModels /> : <Card flush><ModelTable models={models} /><More query={query} of="models" /></Card>}
    </Page>
  );
}

function NoModels() {
  return (
    <EmptyView title="The project declares no models">
      <Text size="sm">Write <Code>models:</Code> in a YAML file of the project, and a task of the kind <Code>train</Code> in a DAG.</Text>
    </EmptyView>
  );
}

function ModelTable({ models }: { models: Model[] }) {
  const head = <><Table.Th>Model</Table.Th><Table.Th className="number">Versions</Table.Th><Table.Th>Live</Table.Th><Table.Th>Newest version</Table.Th></>;
  return (
    <WideTable label="Models" minWidth={760} head={head}>
      <Table.Tbody>{models.map((model) => <ModelRow key={model.name} model={model} />)}</Table.Tbody>
    </WideTable>
  );
}

function ModelRow({ model: { name, versions, aliases } }: { model: Model }) {
  return (
    <Table.Tr>
      <Table.Td className="name"><Anchor component={Link} to={`/models/${name}`} fw={600} size="sm" className="clip" title={name}>{name}</Anchor></Table.Td>
      <Table.Td className="number">{count(versions)}</Table.Td>
      <Table.Td>
        {Object.keys(aliases).length === 0 && <span className="muted">no version is live</span>}
        {Object.entries(aliases).map(([alias, version]) => <LiveVersion key={alias} model={name} alias={alias} version={version} />)}
      </Table.Td>
      <Table.Td>{versions === 0 ? <span className="muted">not trained yet</span> : <NewestVersion model={name} />}</Table.Td>
    </Table.Tr>
  );
}

function LiveVersion({ model, alias, version }: { model: string; alias: string; version: number }) {
  const known = useQuery({
    queryKey: ["models", model, "version", version],
    queryFn: () => ask(api.GET("/api/v1/models/{model}/versions/{version}", { params: { path: { model, version } } })),
    // Versions never change.
    staleTime: Infinity,
  });
  return (
    <div>
      <Group gap="xs"><AliasBadge alias={alias} /><VersionLink model={model} version={version} /></Group>
      <Loaded query={known} height={20}>{(found) => <Metrics of={found.metrics} />}</Loaded>
    </div>
  );
}

function NewestVersion({ model }: { model: string }) {
  const newest = useQuery({
    queryKey: ["models", model, "newest"],
    queryFn: () => ask(api.GET("/api/v1/models/{model}/versions", { params: { path: { model }, query: { limit: 1 } } })),
    refetchInterval: EVERY_MINUTE_MS,
  });
  return (
    <Loaded query={newest} height={40}>
      {({ versions: [version] }) => version && (
        <>
          <Group gap="xs"><VersionLink model={model} version={version.version} /><Text size="sm" c="dimmed">of <Time at={version.as_of} /></Text></Group>
          <Metrics of={version.metrics} />
        </>
      )}
    </Loaded>
  );
}
