// The line of sight: what a run was made from, what it made, and what of that went live. Each is a link.
import { Alert, Anchor, Badge } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowRight } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import type { Schema } from "../../api/types";
import { bytes, count, metric } from "../../format/number";
import { Card, Loaded } from "../../parts/page";
import { Time } from "../../parts/time";
import type { ViewProps } from "./views";

type Lineage = Schema<"RunLineage">;

export function Lineage({ run, zone }: ViewProps) {
  const lineage = useQuery({
    queryKey: ["run", run.id, "lineage"],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}/lineage", { params: { path: { run: run.id } } })),
  });
  return (
    <Loaded query={lineage} height={280}>
      {(known) => (
        <>
          {known.truncated && <Alert color="orange" variant="light" mb="sm">There is more than is shown here: each list ends after 500.</Alert>}
          <div className="run-flow">
            <From lineage={known} zone={zone} />
            <Made lineage={known} zone={zone} />
            <WentLive lineage={known} zone={zone} />
          </div>
        </>
      )}
    </Loaded>
  );
}

interface PartProps {
  lineage: Lineage;
  zone: string | undefined;
}

function From({ lineage: { version, parent, made_from }, zone }: PartProps) {
  return (
    <Card title="Made from">
      <List title="Version of the project" items={[<Anchor component={Link} className="mono" to={`/project?version=${version}`} title={version}>{version.slice(0, 12)}</Anchor>]} />
      <List title="The task that made it" items={parent == null ? [] : [<RunLink run={parent.run_id} task={parent.task} />]} />
      <List title="Builds of other runs" items={made_from.builds.map((build) => <Build build={build} zone={zone} />)} />
      <List title="Model versions of other runs" items={made_from.versions.map((version) => <Version version={version} />)} />
      <List title="Results that were known" items={made_from.results.map(({ task, run_id }) => <>{task}, from <RunLink run={run_id} task={task} /></>)} />
    </Card>
  );
}

function Made({ lineage: { builds, versions, sub_runs }, zone }: PartProps) {
  const nothing = builds.length + versions.length + sub_runs.length === 0;
  return (
    <Card title="Made">
      {nothing && <span className="muted">No builds, model versions or runs.</span>}
      <List title="Model versions" items={versions.map((version) => <Version version={version} />)} />
      <List title="Builds" items={builds.map((build) => <Build build={build} zone={zone} />)} />
      <List title="Runs" items={sub_runs.map(({ task, run_id }) => <><RunLink run={run_id} /><small>by {task}</small></>)} />
    </Card>
  );
}

function WentLive({ lineage: { publications, moves }, zone }: PartProps) {
  return (
    <Card title="Went live">
      {publications.length + moves.length === 0 && <span className="muted">Nothing: no alias moved and no view was published.</span>}
      <List
        title="Aliases"
        items={moves.map(({ model, alias, from, to, moved_at }) => (
          <>
            <Anchor component={Link} to={`/models/${model}`}>{model}</Anchor> <Badge variant="light" tt="none" size="sm">{alias}</Badge>{" "}
            {from != null && <>v{from} <IconArrowRight size={12} aria-label="to" /> </>}<strong>v{to}</strong>
            <small><Time at={moved_at} seconds /></small>
          </>
        ))}
      />
      <List
        title="Publications"
        items={publications.map(({ view, number, as_of }) => (
          <><Anchor component={Link} to={`/features/${view}`}>{view}</Anchor><small>number {number}, as of <Instant at={as_of} zone={zone} /></small></>
        ))}
      />
    </Card>
  );
}

function List({ title, items }: { title: string; items: ReactNode[] }) {
  if (items.length === 0) return null;
  return <><h3>{title}</h3><ul>{items.map((item, place) => <li key={place}>{item}</li>)}</ul></>;
}

function Build({ build: { view, as_of, rows, size_bytes }, zone }: { build: Schema<"BuildRecord">; zone: string | undefined }) {
  return <><Anchor component={Link} to={`/features/${view}`}>{view}</Anchor><small>as of <Instant at={as_of} zone={zone} />, {count(rows)} rows, {bytes(size_bytes)}</small></>;
}

function Version({ version: { model, version, metrics, rows } }: { version: Schema<"ModelVersionRecord"> }) {
  const known = Object.entries(metrics).map(([name, value]) => `${name} ${metric(value)}`);
  return <><Anchor component={Link} to={`/models/${model}?version=${version}`}>{model} v{version}</Anchor><small>{[...known, `${count(rows)} rows fitted`].join(", ")}</small></>;
}

function RunLink({ run, task }: { run: string; task?: string }) {
  return <Anchor component={Link} className="mono" to={`/runs/${run}${task === undefined ? "" : `?task=${encodeURIComponent(task)}`}`}>{run}</Anchor>;
}

function Instant({ at, zone }: { at: string; zone: string | undefined }) {
  return <Time at={at} {...(zone === undefined ? {} : { zone })} />;
}
