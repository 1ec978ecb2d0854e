// The next firing of each DAG, soonest first.
import { Anchor, Badge, Text } from "@mantine/core";
import { Link } from "react-router";
import { distance } from "../../format/time";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import type { Schema } from "../../api/types";

interface Props {
  firings: Schema<"NextFiring">[];
  /** Business time. */
  now: string;
  simulated: boolean;
}

const FEW = 8;

export function NextCard({ firings, now, simulated }: Props) {
  const all = <Anchor component={Link} to="/schedules" size="sm">Schedules</Anchor>;
  return (
    <Card title="Next firings" actions={all} flush>
      {firings.length === 0 ? (
        <Text className="home-calm muted" size="sm">No DAG has a schedule that fires again.</Text>
      ) : (
        <ul className="plain-list">{firings.slice(0, FEW).map((firing) => <Row key={`${firing.dag} ${firing.at}`} firing={firing} now={now} simulated={simulated} />)}</ul>
      )}
    </Card>
  );
}

function Row({ firing: { dag, at, timezone, paused }, now, simulated }: { firing: Props["firings"][number]; now: string; simulated: boolean }) {
  const real = useNow(simulated ? null : 5_000);
  return (
    <li className="home-row home-next">
      <Anchor component={Link} to={`/dags/${dag}`} inherit className="clip" title={dag}>{dag}</Anchor>
      {paused && <Badge variant="light" color="orange" tt="none">paused</Badge>}
      <span className="nowrap home-next-at"><Time at={at} zone={timezone} /></span>
      <span className="muted nowrap home-next-in">{paused ? "" : distance(at, simulated ? new Date(now).getTime() : real)}</span>
    </li>
  );
}
