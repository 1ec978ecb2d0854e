// How the view stands: what it is made of, how old it is, what was built and published last.
import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import { bytes, count } from "../../format/number";
import { span } from "../../format/span";
import { useBusinessNow } from "../../parts/business-now";
import { type Fact, Facts } from "../../parts/facts";
import { Freshness } from "../../parts/freshness";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import type { View } from "../features/views";

export function Overview({ view }: { view: View }) {
  const now = useBusinessNow();
  const { entity, keys, sources, ttl_us, publication, fresh_until, latest_build, builds } = view;
  const facts: (Fact | null)[] = [
    ["Entity", entity ?? "none: one row for all"],
    keys.length === 0 ? null : ["Keys", keys.join(", ")],
    ["Source", sources.join(", ") || "–"],
    ["TTL", ttl_us == null ? "none: any age will do" : span(ttl_us)],
    ["Age", <Freshness from={publication?.as_of} ttlUs={ttl_us} now={now} />],
    fresh_until == null ? null : ["Fresh until", <Time at={fresh_until} />],
    ["Publication", publication == null ? "none yet" : <><Anchor component={Link} to={`/runs/${publication.run_id}`} size="sm" underline="always">number {publication.number}</Anchor> of <Time at={publication.as_of} /></>],
    publication == null ? null : ["Published", <Time at={publication.minted_at} relative />],
    ["Newest build", latest_build == null ? "none yet" : <><Time at={latest_build.as_of} />, <span className="nowrap">{count(latest_build.rows)} rows</span>, <span className="nowrap">{bytes(latest_build.size_bytes)}</span></>],
    ["Builds", count(builds)],
  ];
  return <Card><Facts facts={facts} /></Card>;
}
