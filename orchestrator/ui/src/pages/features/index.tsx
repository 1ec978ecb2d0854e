// The feature views: which are fresh, what they are made of, and when they were built and published last.
import { Anchor, Code, Group, SegmentedControl, Table, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { Link } from "react-router";
import { bytes, count } from "../../format/number";
import { useAddress } from "../../parts/address";
import { useBusinessNow } from "../../parts/business-now";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded, Page } from "../../parts/page";
import { Time } from "../../parts/time";
import { VirtualRows, WideTable } from "../../parts/wide-table";
import { Standing } from "./standing";
import { useViews, type View } from "./views";

export default function Features() {
  const views = useViews();
  return (
    <Page title="Features">
      <Loaded query={views} height={320}>{(all) => (all.length === 0 ? <NoViews /> : <Views all={all} />)}</Loaded>
    </Page>
  );
}

function NoViews() {
  return (
    <EmptyView title="The project declares no feature views">
      <Text size="sm">Write <Code>feature_views:</Code> in a YAML file of the project; they appear here once it is applied.</Text>
    </EmptyView>
  );
}

/** Which of them are shown. */
const SHOWN = {
  all: () => true,
  stale: (view: View) => view.publication != null && !view.fresh,
  unpublished: (view: View) => view.publication == null,
};

function Views({ all }: { all: View[] }) {
  const [address, choose] = useAddress();
  const wanted = address.get("q") ?? "";
  const asked = address.get("shown") ?? "all";
  const shown = (asked in SHOWN ? asked : "all") as keyof typeof SHOWN;
  const word = wanted.toLowerCase();
  const found = all.filter((view) => SHOWN[shown](view) && [view.name, view.entity, ...view.keys, ...view.sources].some((text) => text?.toLowerCase().includes(word)));
  const choices = { all: "All", stale: "Stale", unpublished: "Not published" };
  const data = Object.entries(choices).map(([value, label]) => ({ value, label: `${label} ${all.filter(SHOWN[value as keyof typeof SHOWN]).length}` }));
  return (
    <>
      <Group gap="sm">
        <TextInput
          leftSection={<IconSearch size={16} aria-hidden />}
          placeholder="View, entity, key or source"
          aria-label="Search views"
          value={wanted}
          onChange={(event) => choose({ q: event.currentTarget.value })}
          w={{ base: "100%", xs: 280 }}
        />
        <SegmentedControl size="sm" aria-label="Which views" data={data} value={shown} onChange={(value) => choose({ shown: value === "all" ? null : value })} />
      </Group>
      <Card flush>
        {found.length === 0 ? <EmptyView title="No view is like that" /> : <ViewTable views={found} />}
      </Card>
    </>
  );
}

function ViewTable({ views }: { views: View[] }) {
  const now = useBusinessNow();
  const head = (
    <>
      <Table.Th>View</Table.Th><Table.Th>Freshness: age of TTL</Table.Th><Table.Th>Source</Table.Th><Table.Th className="number">Features</Table.Th>
      <Table.Th>Newest build</Table.Th><Table.Th className="number">Builds</Table.Th><Table.Th>Publication</Table.Th>
    </>
  );
  return (
    <WideTable label="Feature views" minWidth={900} head={head}>
      <VirtualRows rows={views} columns={7} height={58} draw={(view, _, measure) => (
        <Table.Tr key={view.name} {...measure}>
          <Table.Td className="name">
            <Anchor component={Link} to={`/features/${view.name}`} fw={600} size="sm" className="clip" title={view.name}>{view.name}</Anchor>
            <Text size="xs" c="dimmed" className="clip">{whose(view)}</Text>
          </Table.Td>
          <Table.Td><Standing view={view} now={now} /></Table.Td>
          <Table.Td className="name"><span className="clip" title={view.sources.join(", ")}>{view.sources.join(", ") || "–"}</span></Table.Td>
          <Table.Td className="number">{view.features.length || "–"}</Table.Td>
          <Table.Td><Build view={view} /></Table.Td>
          <Table.Td className="number">{count(view.builds)}</Table.Td>
          <Table.Td><Publication view={view} /></Table.Td>
        </Table.Tr>
      )} />
    </WideTable>
  );
}

/** `airport: origin`. */
function whose({ entity, keys }: View): string {
  return entity == null ? "one row for all" : `${entity}: ${keys.join(", ")}`;
}

function Build({ view }: { view: View }) {
  if (view.latest_build == null) return <span className="muted">none yet</span>;
  const { as_of, rows, size_bytes } = view.latest_build;
  return (
    <>
      <Time at={as_of} />
      <Text size="xs" c="dimmed" className="line">{count(rows)} {rows === 1 ? "row" : "rows"}, {bytes(size_bytes)}</Text>
    </>
  );
}

function Publication({ view }: { view: View }) {
  if (view.publication == null) return <span className="muted">none yet</span>;
  const { number, run_id, as_of } = view.publication;
  return (
    <>
      <Anchor component={Link} to={`/runs/${run_id}`} size="sm" title="The run that published it">number {number}</Anchor>
      {as_of !== view.latest_build?.as_of && <Text size="xs" c="dimmed">of <Time at={as_of} /></Text>}
    </>
  );
}
