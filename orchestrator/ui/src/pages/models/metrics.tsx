// The metrics of a version in a line, and its number as a link.
import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import { metric } from "../../format/number";

export function Metrics({ of }: { of: Record<string, number> }) {
  const entries = Object.entries(of);
  if (entries.length === 0) return <span className="muted">no metrics</span>;
  return (
    <span className="metrics">
      {entries.map(([name, value]) => <span key={name}><span className="muted">{name}</span> <span title={String(value)}>{metric(value)}</span></span>)}
    </span>
  );
}

export function VersionLink({ model, version }: { model: string; version: number }) {
  return <Anchor component={Link} to={`/models/${model}?version=${version}`} fw={600} size="sm">v{version}</Anchor>;
}

/** `champion` stands out: it is the one that answers. */
export function AliasBadge({ alias }: { alias: string }) {
  return <span className={alias === "champion" ? "alias alias-champion" : "alias"} title={alias}>{alias}</span>;
}
