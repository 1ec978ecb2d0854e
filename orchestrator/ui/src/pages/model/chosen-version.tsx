// The version that the address names: everything that is known of it, beside the champion.
import { Anchor, Button, CloseButton, Group } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { Ref } from "react";
import { Link } from "react-router";
import { useSession } from "../../api/session";
import { span } from "../../format/span";
import { useAddress } from "../../parts/address";
import { Copied } from "../../parts/copied";
import { Facts } from "../../parts/facts";
import { Card, Loaded } from "../../parts/page";
import { Time } from "../../parts/time";
import { AliasBadge, Metrics } from "../models/metrics";
import { Compare } from "./compare";
import { MoveAlias } from "./move-alias";
import { type Model, useVersion, type Version } from "./use-model";

export function ChosenVersion({ model, version, heading }: { model: Model; version: number; heading: Ref<HTMLHeadingElement> }) {
  const [, choose] = useAddress();
  const { may } = useSession();
  const [opened, { open, close }] = useDisclosure();
  const known = useVersion(model.name, version);
  const champion = useVersion(model.name, model.aliases["champion"]);
  const aliases = Object.entries(model.aliases).filter(([, at]) => at === version);
  const live = model.aliases["champion"] === version;
  const title = <Group gap="xs">Version {version} {aliases.map(([alias]) => <AliasBadge key={alias} alias={alias} />)}</Group>;
  const actions = (
    <Group gap="xs">
      {may("operator") && known.data && <Button size="xs" variant="light" onClick={open}>{live ? "Give it another alias" : version < (model.aliases["champion"] ?? 0) ? "Roll back to it" : "Promote it"}</Button>}
      <CloseButton aria-label="Close the version" onClick={() => choose({ version: null })} />
    </Group>
  );
  return (
    <Card title={title} actions={actions} headingRef={heading}>
      <Loaded query={known}>{(found) => <KnownVersion version={found} champion={live ? null : (champion.data ?? null)} />}</Loaded>
      <MoveAlias model={model} version={version} opened={opened} onClose={close} />
    </Card>
  );
}

function KnownVersion({ version, champion }: { version: Version; champion: Version | null }) {
  const { as_of, fit_from, fit_to, rows, run_id, object, metrics } = version;
  return (
    <div className="version-halves">
      <Facts facts={[
        ["As of", <Time at={as_of} />],
        ["Fitted on", <><Time at={fit_from} /> to <Time at={fit_to} />, {span((Date.parse(fit_to) - Date.parse(fit_from)) * 1_000)}</>],
        ["Rows", rows.toLocaleString("en")],
        ["Made by", <Anchor component={Link} to={`/runs/${run_id}`} size="sm">its run</Anchor>],
        ["Artefact", <Copied text={object} shown={object.slice(0, 12)} />],
        champion === null ? ["Metrics", <Metrics of={metrics} />] : null,
      ]} />
      {champion !== null && <Compare from={champion} to={version} />}
    </div>
  );
}
