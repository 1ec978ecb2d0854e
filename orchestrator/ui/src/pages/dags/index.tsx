// The DAGs of the project: how the last runs went, when each fires next, and what can be done with it.
import { Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ask } from "../../api/client";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded, Page } from "../../parts/page";
import { Problems } from "../../parts/problems";
import { DagTable } from "./dag-table";

export default function DagsPage() {
  const [words, choose] = useAddress();
  const wanted = words.get("q") ?? "";
  return (
    <Page title="DAGs" actions={<Search wanted={wanted} onChange={(q) => choose({ q })} />}>
      <Problems />
      <Dags wanted={wanted.trim().toLowerCase()} />
    </Page>
  );
}

function Search({ wanted, onChange }: { wanted: string; onChange: (wanted: string) => void }) {
  // The address follows a moment later: what is typed must not wait for it.
  const [typed, setTyped] = useState(wanted);
  return (
    <TextInput
      type="search"
      aria-label="Search DAGs by name"
      placeholder="Search by name"
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        onChange(event.currentTarget.value);
      }}
      w={{ base: "100%", xs: 260 }}
    />
  );
}

function Dags({ wanted }: { wanted: string }) {
  const dags = useInfiniteQuery({
    queryKey: ["active", "dags"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/dags", { params: { query: { limit: 200, ...(pageParam === undefined ? {} : { after: pageParam }) } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = dags;
  // What is searched has to be here; what is drawn is only what is seen.
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return (
    <Loaded query={dags} height={360}>
      {({ pages }) => {
        const all = pages.flatMap((page) => page.dags);
        const found = all.filter(({ name }) => name.includes(wanted));
        if (all.length === 0) return <NoDags />;
        if (found.length === 0) return <EmptyView title="No such DAG"><Text size="sm">No name of a DAG holds “{wanted}”.</Text></EmptyView>;
        return <Card flush><DagTable dags={found} /></Card>;
      }}
    </Loaded>
  );
}

function NoDags() {
  return (
    <EmptyView title="No DAGs yet">
      <Text size="sm">Declare one under `dags:` in a YAML file of the project; it appears here once the project is deployed.</Text>
    </EmptyView>
  );
}
