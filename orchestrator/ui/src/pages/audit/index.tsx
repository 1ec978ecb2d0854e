// What was done by hand: who, when, to what, why, and from where. Nothing of it is ever changed.
import { ActionIcon, Anchor, Button, Group, Table, Text, TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
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
  return <Card flush><EntryTable entries={entries} /><More query={query} of="entries" /></Card>;
}

function EntryTable({ entries }: { entries: Entry[] }) {
  const narrow = useMediaQuery("(max-width: 48em)") ?? false;
  const heads = narrow ? ["What was done"] : ["When", "Who", "Did", "To", "What and why", "From"];
  const Row = narrow ? NarrowRow : WideRow;
  return (
    <WideTable label="Audit" minWidth={narrow ? 0 : 900} head={heads.map((word) => <Table.Th key={word}>{word}</Table.Th>)}>
      <VirtualRows rows={entries} columns={heads.length} height={narrow ? 84 : 42} draw={(entry, _, measure) => <Row key={entry.id} entry={entry} measure={measure} />} />
    </WideTable>
  );
}

interface RowProps {
  entry: Entry;
  measure: Measure;
}

function WideRow({ entry, measure }: RowProps) {
  const { at, action, detail, from } = entry;
  return (
    <Table.Tr {...measure}>
      <Table.Td><Time at={at} seconds /></Table.Td>
      <Table.Td className="name"><Who entry={entry} /></Table.Td>
      <Table.Td className="line"><ActionSign action={action} /></Table.Td>
      <Table.Td className="line"><Subject entry={entry} /></Table.Td>
      <Table.Td className="audit-detail"><Detail action={action} detail={detail} /></Table.Td>
      <Table.Td className="line muted">{from ?? "–"}</Table.Td>
    </Table.Tr>
  );
}

function NarrowRow({ entry, measure }: RowProps) {
  const { at, action, detail } = entry;
  return (
    <Table.Tr {...measure}>
      <Table.Td>
        <Group gap="xs" justify="space-between" mb={2}><ActionSign action={action} /><span className="muted"><Time at={at} seconds /></span></Group>
        <Group gap="xs" justify="space-between" wrap="nowrap"><div className="clip"><Who entry={entry} /></div><Subject entry={entry} /></Group>
        {detail !== "" && <div className="audit-detail"><Detail action={action} detail={detail} /></div>}
      </Table.Td>
    </Table.Tr>
  );
}

function Who({ entry: { by, said, token_id } }: { entry: Entry }) {
  return (
    <>
      <span className="clip" title={token_id == null ? "" : `token ${token_id}`}>{by ?? <span className="muted">the server itself</span>}</span>
      {said != null && <Text size="xs" c="dimmed" className="clip" title="How they called themselves; nobody has checked it">says: {said}</Text>}
    </>
  );
}

function Subject({ entry: { action, subject } }: { entry: Entry }) {
  const to = subjectAddress(action, subject);
  const all = `All that was done to ${subject}`;
  return (
    <Group gap={4} wrap="nowrap">
      {to === null ? <SubjectName subject={subject} /> : <Anchor component={Link} to={to} size="sm" miw={0}><SubjectName subject={subject} /></Anchor>}
      <ActionIcon component={Link} to={`/audit?subject=${encodeURIComponent(subject)}`} variant="subtle" color="gray" size="xs" aria-label={all} title={all}><IconFilter size={13} /></ActionIcon>
    </Group>
  );
}

/** An id is known by its end: ids of one hour begin alike. */
function SubjectName({ subject }: { subject: string }) {
  if (/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(subject)) return <span className="mono" title={subject}>…{subject.slice(-10)}</span>;
  return <span className="clip audit-name" title={subject}>{subject}</span>;
}

function Detail({ action, detail }: { action: string; detail: string }) {
  if (detail === "") return <span className="muted">–</span>;
  return action === "deploy" ? <Copied text={detail} shown={detail.slice(0, 12)} /> : <Words text={detail} />;
}
