// What is live: where the aliases of models point, since when, and how good the version was when it was judged.
import { Anchor, Badge, Code, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Schema } from "../../api/types";
import { metric } from "../../format/number";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";

type LiveAlias = Schema<"LiveAlias">;

export function LiveCard({ live }: { live: LiveAlias[] }) {
  const all = <Anchor component={Link} to="/models" size="sm">Models</Anchor>;
  return (
    <Card title="Live models" actions={all} flush>
      {live.length === 0 ? <Text className="home-calm muted" size="sm">No model is live yet. A task of kind <Code>promote</Code> makes one so, or somebody by hand.</Text> : <ul className="plain-list">{live.map((alias) => <Row key={`${alias.model} ${alias.alias}`} alias={alias} />)}</ul>}
    </Card>
  );
}

function Row({ alias: { model, alias, version, since, run_id, metrics } }: { alias: LiveAlias }) {
  return (
    <li className="home-row home-live">
      <div className="home-run-line">
        <Anchor component={Link} to={`/models/${model}`} fw={600} inherit className="clip" title={model}>{model}</Anchor>
        <Badge variant="light" tt="none">{alias}</Badge>
        <span className="nowrap">version {version}</span>
      </div>
      <dl className="home-metrics">
        {Object.entries(metrics).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{metric(value)}</dd></div>)}
      </dl>
      <div className="muted home-small">
        live since <Time at={since} relative />, {run_id == null ? "moved by hand" : <>moved by <Anchor component={Link} to={`/runs/${run_id}`} inherit underline="always">a run</Anchor></>}
      </div>
    </li>
  );
}
