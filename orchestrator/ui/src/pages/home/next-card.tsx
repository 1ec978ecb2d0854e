// The next firing of each DAG, soonest first.
import { Anchor, Badge, Text } from "@mantine/core";
import { Link } from "react-router";
import { distance } from "../../format/time";
import { useBusinessNow } from "../../parts/business-now";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import type { Schema } from "../../api/types";

type Firing = Schema<"NextFiring">;

const FEW = 8;

export function NextCard({ firings }: { firings: Firing[] }) {
  const now = useBusinessNow();
  const all = <Anchor component={Link} to="/schedules" size="sm">Schedules</Anchor>;
  return (
    <Card title="Next firings" actions={all} flush>
      {firings.length === 0 ? (
        <Text className="home-calm muted" size="sm">No DAG has a schedule that fires again.</Text>
      ) : (
        <ul className="plain-list">{firings.slice(0, FEW).map((firing) => <Row key={`${firing.dag} ${firing.at}`} firing={firing} now={now} />)}</ul>
      )}
    </Card>
  );
}

function Row({ firing: { dag, at, timezone, paused }, now }: { firing: Firing; now: number | undefined }) {
  return (
    <li className="home-row home-next">
      <Anchor component={Link} to={`/dags/${dag}`} inherit className="clip" title={dag}>{dag}</Anchor>
      {paused && <Badge variant="light" color="orange" tt="none">paused</Badge>}
      <span className="nowrap home-next-at"><Time at={at} zone={timezone} /></span>
      <span className="muted nowrap home-next-in">{paused || now === undefined ? "" : distance(at, now)}</span>
    </li>
  );
}
