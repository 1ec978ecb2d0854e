// What one should know of a DAG before looking closer: when it runs, what comes next, what it takes, where it stands.
import { Alert, Anchor, Tooltip } from "@mantine/core";
import { IconPlayerPause } from "@tabler/icons-react";
import { Fragment } from "react";
import { Link } from "react-router";
import { zoneOf } from "../../api/declared";
import type { Schema } from "../../api/types";
import { occasions } from "../../format/schedule";
import { type Fact, Facts as FactList } from "../../parts/facts";
import { Card } from "../../parts/page";
import { LastRuns } from "../../parts/last-runs";
import { Time } from "../../parts/time";
import type { Dag } from ".";

export function Facts({ dag }: { dag: Dag }) {
  const facts: (Fact | null)[] = [
    ["Last runs", <LastRuns key="runs" dag={dag.name} many={24} />],
    ["Schedule", <Schedule key="schedule" dag={dag} />],
    dag.next.length === 0 ? null : [dag.paused == null ? "Next firings" : "Next firings, once resumed", <NextFirings key="next" dag={dag} />],
    ["Active runs", dag.active_runs === 0 ? "none" : <Anchor key="active" component={Link} to={`/runs?dag=${encodeURIComponent(dag.name)}`} inherit>{dag.active_runs.toLocaleString("en")}</Anchor>],
    dag.params.length === 0 ? null : ["Parameters", <Params key="params" params={dag.params} />],
  ];
  return (
    <>
      {dag.paused != null && <Paused pause={dag.paused} />}
      <Card><div className="dag-facts"><FactList facts={facts} /></div></Card>
    </>
  );
}

function Paused({ pause: { since, by, note } }: { pause: Schema<"PauseView"> }) {
  return (
    <Alert color="orange" icon={<IconPlayerPause size={18} />} title="Paused: it fires nothing until it is resumed">
      by {by}, <Time at={since} relative />{note == null || note === "" ? "" : `: ${note}`}
    </Alert>
  );
}

function Schedule({ dag }: { dag: Dag }) {
  const all = occasions(dag);
  if (all.length === 0) return <span className="muted">by hand only</span>;
  return all.map(({ words, more: [first, ...rest] }, place) => (
    <Tooltip key={place} disabled={rest.length === 0} label={rest.map((word) => <div key={word}>{word}</div>)} events={{ hover: true, focus: true, touch: true }}>
      <div tabIndex={rest.length === 0 ? -1 : 0}>{words}{first !== undefined && <div className="muted dag-small">{first}</div>}</div>
    </Tooltip>
  ));
}

/** The next one, and the two after it. */
function NextFirings({ dag }: { dag: Dag }) {
  const zone = zoneOf(dag);
  const [first, ...others] = dag.next.slice(0, 3).map((at) => <Time key={at} at={at} {...(zone === undefined ? {} : { zone })} />);
  return (
    <>
      <div>{first}</div>
      {others.length > 0 && <div className="muted dag-small">then {others.map((time, place) => <Fragment key={time.key}>{place > 0 && ", "}{time}</Fragment>)}</div>}
    </>
  );
}

function Params({ params }: { params: Schema<"ParamView">[] }) {
  return (
    <div className="dag-params">
      {params.map((param) => (
        <Tooltip key={param.name} label={<ParamWords param={param} />} events={{ hover: true, focus: true, touch: true }}>
          <span className="dag-param">{param.name}{param.default == null ? "" : <span className="muted"> {JSON.stringify(param.default)}</span>}</span>
        </Tooltip>
      ))}
    </div>
  );
}

function ParamWords({ param: { type, default: initial, min, max, enum: oneOf = [], description } }: { param: Schema<"ParamView"> }) {
  const words: string[] = [type];
  if (oneOf.length > 0) words.push(`one of ${oneOf.map((each) => JSON.stringify(each)).join(", ")}`);
  if (min != null) words.push(`from ${JSON.stringify(min)}`);
  if (max != null) words.push(`up to ${JSON.stringify(max)}`);
  words.push(initial == null ? "has to be given" : `default ${JSON.stringify(initial)}`);
  return <>{description != null && <div>{description}</div>}<div>{words.join(", ")}</div></>;
}
