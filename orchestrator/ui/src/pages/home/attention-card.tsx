// What needs somebody, each with what to do and where. Calm where there is nothing.
import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import { type Attention, KINDS, look, type Look } from "./attention";
import "./home.css";

/** Of one kind; the others are shown when somebody asks. */
const FEW = 4;

export function AttentionCard({ attention }: { attention: Attention[] }) {
  const badge = attention.length === 0 ? null : <Badge variant="light" color="red" size="lg" circle={attention.length < 10}>{attention.length}</Badge>;
  return (
    <Card title="Needs attention" actions={badge} flush>
      {attention.length === 0 ? <Nothing /> : <ul className="plain-list">{KINDS.map((kind) => <Kind key={kind} items={attention.filter((item) => item.kind === kind)} />)}</ul>}
    </Card>
  );
}

function Nothing() {
  return (
    <Group className="home-calm" gap="sm" wrap="nowrap">
      <IconCircleCheck size={22} stroke={1.6} color="var(--state-succeeded)" aria-hidden />
      <Text size="sm">Nothing needs you. Every DAG's newest run went well, and what is live is fresh.</Text>
    </Group>
  );
}

function Kind({ items }: { items: Attention[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? items : items.slice(0, FEW);
  return (
    <>
      {shown.map((item, place) => <Item key={place} look={look(item)} />)}
      {shown.length < items.length && (
        <li className="home-row"><Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>{items.length - shown.length} more like these</Button></li>
      )}
    </>
  );
}

const SIGNS: Record<Look["tone"], { sign: string; color: string }> = {
  bad: { sign: "✕", color: "var(--state-failed)" },
  warn: { sign: "!", color: "var(--state-retry)" },
  busy: { sign: "?", color: "var(--state-deferred)" },
};

function Item({ look: { subject, what, detail, advice, to, verb, since, sinceWord, tone, business = false } }: { look: Look }) {
  const { sign, color } = SIGNS[tone];
  return (
    <li className="home-row home-attention">
      <span className="state-dot" style={{ background: color }} aria-hidden>{sign}</span>
      <div className="home-words">
        <div className="home-what">
          <Anchor component={Link} to={to} fw={600} inherit c="inherit">{subject}</Anchor> <Words text={what} />
          {since != null && <span className="muted nowrap"> · {sinceWord} <Time at={since} relative={!business} /></span>}
        </div>
        {detail !== undefined && detail !== "" && <div className="home-detail" title={detail}><Words text={detail} /></div>}
        <div className="muted">{advice}</div>
      </div>
      <Button component={Link} to={to} size="compact-sm" variant="light" aria-label={`${verb}: ${subject}`}>{verb}</Button>
    </li>
  );
}
