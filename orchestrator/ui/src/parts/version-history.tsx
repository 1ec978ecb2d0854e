// The versions of the project, and what differs between two of them: between one and the one before, unless somebody chooses.
// Loaded when it is shown. Which are compared is kept in the address.
import { Badge, Button, Group, Select, Skeleton, Switch, Text } from "@mantine/core";
import { IconArrowsExchange } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { api, ask } from "../api/client";
import { EVERY_MINUTE_MS } from "../api/queries";
import type { Schema } from "../api/types";
import { instant } from "../format/time";
import { useAddress } from "./address";
import { EmptyView } from "./empty-view";
import { ErrorView } from "./error-view";
import { Loaded } from "./page";
import { versionFiles } from "./project-files";

const DiffView = lazy(() => import("./diff-view"));

type Version = Schema<"ProjectVersion">;

/** `path`: at first only this file. */
export default function VersionHistory({ path = null }: { path?: string | null }) {
  const versions = useInfiniteQuery({
    queryKey: ["project", "versions"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/project/versions", { params: { query: { limit: 100, ...(pageParam === undefined ? {} : { before: pageParam }) } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: EVERY_MINUTE_MS,
  });
  return (
    <Loaded query={versions} height={240}>
      {({ pages }) => {
        const all = pages.flatMap((page) => page.versions);
        if (all.length < 2) return <EmptyView title="One version so far"><Text size="sm">Once the project is deployed again with changes, this shows what differs.</Text></EmptyView>;
        return <Compared versions={all} path={path} more={versions.hasNextPage ? () => void versions.fetchNextPage() : null} />;
      }}
    </Loaded>
  );
}

function Compared({ versions, path, more }: { versions: Version[]; path: string | null; more: (() => void) | null }) {
  const [words, choose] = useAddress();
  const known = (version: string | null) => versions.find((each) => each.version.startsWith(version ?? " "));
  const after = known(words.get("to")) ?? versions[0];
  const before = known(words.get("from")) ?? versions[Math.min(versions.length - 1, after === undefined ? 1 : versions.indexOf(after) + 1)];
  const whole = path === null || words.get("show") === "all";
  if (after === undefined || before === undefined) return null;
  return (
    <>
      <Group p="md" gap="sm" align="flex-end">
        <VersionSelect label="From" versions={versions} chosen={before} onChange={(from) => choose({ from })} />
        <Button variant="default" px="xs" aria-label="Exchange the two versions" title="Exchange" onClick={() => choose({ from: after.version, to: before.version })}><IconArrowsExchange size={16} /></Button>
        <VersionSelect label="To" versions={versions} chosen={after} onChange={(to) => choose({ to })} />
        {path !== null && <Switch label="All files" checked={whole} onChange={(event) => choose({ show: event.currentTarget.checked ? "all" : null })} mb={8} />}
        {more !== null && <Button variant="subtle" onClick={more}>Older versions</Button>}
      </Group>
      <Group px="md" pb="md" display="block">
        {before.version === after.version ? <EmptyView title="The same version"><Text size="sm">Choose two that differ.</Text></EmptyView> : <Diff before={before.version} after={after.version} path={whole ? null : path} />}
      </Group>
    </>
  );
}

interface SelectProps {
  label: string;
  versions: Version[];
  chosen: Version;
  onChange: (version: string | null) => void;
}

function VersionSelect({ label, versions, chosen, onChange }: SelectProps) {
  const data = versions.map(({ version, deployed_at, current }) => ({ value: version, label: `${instant(deployed_at, undefined, true)} · ${version.slice(0, 8)}${current ? " · live" : ""}` }));
  const badge = chosen.current ? <Badge size="xs" variant="light" color="green" tt="none">live</Badge> : null;
  return <Select label={label} data={data} value={chosen.version} onChange={onChange} allowDeselect={false} searchable={versions.length > 12} flex="1 1 14rem" maw={340} rightSection={badge} rightSectionWidth={badge === null ? 30 : 52} />;
}

function Diff({ before, after, path }: { before: string; after: string; path: string | null }) {
  const [old, now] = [useQuery(versionFiles(before)), useQuery(versionFiles(after))];
  const error = old.error ?? now.error;
  if (error !== null) return <ErrorView error={error} again={() => void Promise.all([old.refetch(), now.refetch()])} />;
  if (old.data === undefined || now.data === undefined) return <Skeleton height={200} role="status" aria-label="Loading" />;
  return <Suspense fallback={<Skeleton height={200} role="status" aria-label="Loading" />}><DiffView before={old.data.files} after={now.data.files} path={path} /></Suspense>;
}
