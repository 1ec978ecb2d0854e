// What was done by hand: who, when, to what, why, and from where. Nothing of it is ever changed.
import { ActionIcon, Anchor, Button, Group, Table, Text, TextInput } from "@mantine/core";
import { IconFilter, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { Copied } from "../../parts/copied";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card, Page } from "../../parts/page";
import { Time } from "../../parts/time";
import { type Measure, VirtualRows, WideTable } from "../../parts/wide-table";
import { Words } from "../../parts/words";
import { ActionSign, subjectAddress } from "./actions";

type Entry = Schema<"AuditEntry">;

export default function Audit() {
  const [address] = useAddress();
  const subject = address.get("subject");
  return (
    <Page title="Audit" actions={<Filter key={subject} subject={subject} />}>
      <Entries subject={subject} />
    </Page>
  );
}

function Filter({ subject }: { subject: string | null }) {
  const [, choose] = useAddress();
  const [typed, setTyped] = useState(subject ?? "");
  function send(event: FormEvent): void {
    event.preventDefault();
    choose({ subject: typed.trim() });
  }
  return (
    <form onSubmit={send}>
      <Group gap="xs" wrap="nowrap">
        <TextInput leftSection={<IconSearch size={16} aria-hidden />} placeholder="Run, DAG, model, token or project" aria-label="Done to" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} w={{ base: 220, sm: 300 }} />
        <Button type="submit" variant="default">Filter</Button>
        {subject !== null && <Button variant="subtle" onClick={() => choose({ subject: null })}>All</Button>}
      </Group>
    </form>
  );
}

function Entries({ subject }: { subject: string | null }) {
  const query = useInfiniteQuery({
    queryKey: ["audit", subject],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/audit", { params: { query: { limit: 100, ...(subject === null ? {} : { subject }), ...(pageParam === null ? {} : { before: pageParam }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  if (query.error !== null && query.data === undefined) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  if (query.data !== undefined && entries.length === 0) {
    return <EmptyView title={subject === null ? "Nothing was done by hand yet" : "Nothing was done to that"}>{subject !== null && <Text size="sm">“{subject}” has to be the whole id of a run, or a name as it is written.</Text>}</EmptyView>;
  }
  const head = <><Table.Th>When</Table.Th><Table.Th>Who</Table.Th><Table.Th>Did</Table.Th><Table.Th>To</Table.Th><Table.Th>What and why</Table.Th><Table.Th>From</Table.Th></>;
  return (
    <Card flush>
      <WideTable label="Audit" minWidth={900} head={head}>
        <VirtualRows rows={entries} columns={6} height={42} draw={(entry, _, measure) => <EntryRow key={entry.id} entry={entry} measure={measure} />} />
      </WideTable>
      <More query={query} of="entries" />
    </Card>
  );
}

function EntryRow({ entry, measure }: { entry: Entry; measure: Measure }) {
  const { at, by, said, action, subject, detail, from, token_id } = entry;
  const to = subjectAddress(action, subject);
  return (
    <Table.Tr {...measure}>
      <Table.Td><Time at={at} seconds /></Table.Td>
      <Table.Td className="name">
        <span className="clip" title={token_id == null ? "" : `token ${token_id}`}>{by ?? <span className="muted">the server itself</span>}</span>
        {said != null && <Text size="xs" c="dimmed" className="clip" title="How they called themselves; nobody has checked it">says: {said}</Text>}
      </Table.Td>
      <Table.Td className="line"><ActionSign action={action} /></Table.Td>
      <Table.Td className="line">
        <Group gap={4} wrap="nowrap">
          {to === null ? <Subject subject={subject} /> : <Anchor component={Link} to={to} size="sm" miw={0}><Subject subject={subject} /></Anchor>}
          <ActionIcon component={Link} to={`/audit?subject=${encodeURIComponent(subject)}`} variant="subtle" color="gray" size="xs" aria-label={`All that was done to ${subject}`} title="All that was done to it"><IconFilter size={13} /></ActionIcon>
        </Group>
      </Table.Td>
      <Table.Td className="audit-detail"><Detail action={action} detail={detail} /></Table.Td>
      <Table.Td className="line muted">{from ?? "–"}</Table.Td>
    </Table.Tr>
  );
}

/** An id is known by its end: ids of one hour begin alike. */
function Subject({ subject }: { subject: string }) {
  if (/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(subject)) return <span className="mono" title={subject}>…{subject.slice(-10)}</span>;
  return <span className="clip audit-name" title={subject}>{subject}</span>;
}

function Detail({ action, detail }: { action: string; detail: string }) {
  if (detail === "") return <span className="muted">–</span>;
  return action === "deploy" ? <Copied text={detail} shown={detail.slice(0, 12)} /> : <Words text={detail} />;
}
