// The tokens of the project: who has which role until when; made and taken back here.
import { Badge, Button, Code, Group, Switch, Table, Text, VisuallyHidden } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import { useSession } from "../../api/session";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { Confirm } from "../../parts/confirm";
import { EmptyView } from "../../parts/empty-view";
import { More } from "../../parts/more";
import { useNow } from "../../parts/now";
import { Card, Loaded } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { NewToken } from "./new-token";
import { ROLES } from "./roles";

type Token = Schema<"TokenView">;

export function Tokens() {
  const [address, choose] = useAddress();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const now = useNow(60_000);
  const query = useInfiniteQuery({
    queryKey: ["tokens"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/tokens", { params: { query: { limit: 100, ...(pageParam === null ? {} : { before: pageParam }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const all = address.get("tokens") === "all";
  const actions = (
    <Group gap="md">
      <Switch size="xs" label="Also those that are not good any more" checked={all} onChange={(event) => choose({ tokens: event.currentTarget.checked ? "all" : null })} />
      <Button size="xs" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => setMaking(true)}>New token</Button>
    </Group>
  );
  return (
    <Card title="Tokens" actions={actions} flush>
      <Loaded query={query}>
        {({ pages }) => {
          const tokens = pages.flatMap((page) => page.tokens).filter((token) => all || isGood(token, now));
          return tokens.length === 0 ? <NoTokens /> : <TokenTable tokens={tokens} now={now} onRevoke={setRevoking} />;
        }}
      </Loaded>
      <More query={query} of="tokens" byHand />
      <NewToken opened={making} onClose={() => setMaking(false)} />
      <Revoke token={revoking} onClose={() => setRevoking(null)} />
    </Card>
  );
}

function NoTokens() {
  return <EmptyView title="No tokens"><Text size="sm">The project's own token is not listed: <Code>daybreak token</Code> prints it. Make one for each person and each program, with the role that it needs.</Text></EmptyView>;
}

function isGood({ revoked_at, expires_at }: Token, now: number): boolean {
  return revoked_at == null && Date.parse(expires_at) > now;
}

function TokenTable({ tokens, now, onRevoke }: { tokens: Token[]; now: number; onRevoke: (token: Token) => void }) {
  const head = <><Table.Th>Name</Table.Th><Table.Th>Role</Table.Th><Table.Th>Standing</Table.Th><Table.Th>Made</Table.Th><Table.Th>Last used</Table.Th><Table.Th>Good until</Table.Th><Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th></>;
  return (
    <WideTable label="Tokens" minWidth={860} head={head}>
      <Table.Tbody>{tokens.map((token) => <TokenRow key={token.id} token={token} now={now} onRevoke={onRevoke} />)}</Table.Tbody>
    </WideTable>
  );
}

function TokenRow({ token, now, onRevoke }: { token: Token; now: number; onRevoke: (token: Token) => void }) {
  const { me } = useSession();
  const { id, name, role, created_at, created_by, last_used_at, expires_at, revoked_at, revoked_by } = token;
  return (
    <Table.Tr>
      <Table.Td className="name"><Text size="sm" fw={600} className="clip" title={name}>{name}{id === me.token_id && " (you)"}</Text></Table.Td>
      <Table.Td><Badge variant="light" tt="none" miw="max-content" color={role === "admin" ? "orange" : "gray"} title={ROLES[role]}>{role}</Badge></Table.Td>
      <Table.Td className="line">
        {revoked_at != null ? <><Sign tone="bad">revoked</Sign><Text size="xs" c="dimmed"><Time at={revoked_at} /> by {revoked_by ?? "somebody"}</Text></>
          : isGood(token, now) ? <Sign tone="good">good</Sign> : <Sign tone="calm">expired</Sign>}
      </Table.Td>
      <Table.Td><Time at={created_at} /><Text size="xs" c="dimmed" className="line">by {created_by}</Text></Table.Td>
      <Table.Td>{last_used_at == null ? <span className="muted">not yet</span> : <Time at={last_used_at} relative />}</Table.Td>
      <Table.Td><Time at={expires_at} /></Table.Td>
      <Table.Td ta="right">{isGood(token, now) && <Button size="compact-xs" variant="subtle" color="red" aria-label={`Revoke ${name}`} onClick={() => onRevoke(token)}>Revoke</Button>}</Table.Td>
    </Table.Tr>
  );
}

function Revoke({ token, onClose }: { token: Token | null; onClose: () => void }) {
  const queries = useQueryClient();
  const { me } = useSession();
  async function act(): Promise<void> {
    if (token === null) return;
    await ask(api.DELETE("/api/v1/tokens/{token}", { params: { path: { token: token.id } } }));
    await Promise.all([["tokens"], ["audit"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    notifications.show({ message: `${token.name} is revoked` });
  }
  return (
    <Confirm opened={token !== null} onClose={onClose} title={`Revoke ${token?.name ?? "it"}`} verb="Revoke" danger act={act}>
      <Text size="sm">
        Whoever uses it is refused from now on, on other servers within some seconds. This cannot be taken back; a new token can be made.
        {token?.id === me.token_id && <b> It is your own: you will be signed out.</b>}
      </Text>
    </Confirm>
  );
}
