// All versions of a model, newest first.
import { Anchor, Button, Group, Table, VisuallyHidden } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { useSession } from "../../api/session";
import { metric } from "../../format/number";
import { span } from "../../format/span";
import { wholeInstant } from "../../format/time";
import { useAddress } from "../../parts/address";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import { type Measure, VirtualRows, WideTable } from "../../parts/wide-table";
import { AliasBadge, VersionLink } from "../models/metrics";
import { MoveAlias } from "./move-alias";
import { type Model, useVersions, type Version } from "./use-model";

export function Versions({ model }: { model: Model }) {
  const query = useVersions(model.name);
  const [moving, setMoving] = useState<number | null>(null);
  const versions = query.data?.pages.flatMap((page) => page.versions) ?? [];
  const names = [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))].sort();
  if (query.error !== null && query.data === undefined) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  const head = (
    <>
      <Table.Th>Version</Table.Th><Table.Th>As of</Table.Th>
      {names.map((name) => <Table.Th key={name} className="number">{name}</Table.Th>)}
      <Table.Th className="number">Rows</Table.Th><Table.Th>Fitted on</Table.Th><Table.Th>Made by</Table.Th><Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th>
    </>
  );
  return (
    <Card title="Versions" flush>
      <WideTable label="Versions" minWidth={620 + 80 * names.length} head={head}>
        <VirtualRows rows={versions} columns={6 + names.length} height={40} draw={(version, _, measure) => (
          <VersionRow key={version.version} model={model} version={version} names={names} measure={measure} onMove={setMoving} />
        )} />
      </WideTable>
      <More query={query} of="versions" byHand />
      <MoveAlias model={model} version={moving ?? 0} opened={moving !== null} onClose={() => setMoving(null)} />
    </Card>
  );
}

interface RowProps {
  model: Model;
  version: Version;
  names: string[];
  measure: Measure;
  onMove: (version: number) => void;
}

function VersionRow({ model, version, names, measure, onMove }: RowProps) {
  const { may } = useSession();
  const [address] = useAddress();
  const aliases = Object.entries(model.aliases).filter(([, at]) => at === version.version).map(([alias]) => alias);
  const champion = model.aliases["champion"];
  const verb = champion !== undefined && version.version < champion ? "Roll back" : "Promote";
  return (
    <Table.Tr {...measure} className={address.get("version") === String(version.version) ? "row-chosen" : ""}>
      <Table.Td className="line"><Group gap="xs" wrap="nowrap"><VersionLink model={model.name} version={version.version} />{aliases.map((alias) => <AliasBadge key={alias} alias={alias} />)}</Group></Table.Td>
      <Table.Td><Time at={version.as_of} /></Table.Td>
      {names.map((name) => {
        const value = version.metrics[name];
        return <Table.Td key={name} className="number" title={String(value ?? "")}>{value === undefined ? "–" : metric(value)}</Table.Td>;
      })}
      <Table.Td className="number">{version.rows.toLocaleString("en")}</Table.Td>
      <Table.Td className="line" title={`${wholeInstant(version.fit_from, "UTC")} to ${wholeInstant(version.fit_to, "UTC")}`}>{fitted(version)} to {version.fit_to.slice(0, 10)}</Table.Td>
      <Table.Td><Anchor component={Link} to={`/runs/${version.run_id}`} size="sm">run</Anchor></Table.Td>
      <Table.Td ta="right">
        {may("operator") && version.version !== champion && (
          <Button size="compact-xs" variant="subtle" aria-label={`${verb} to version ${version.version}`} onClick={() => onMove(version.version)}>{verb}</Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** `60 d`. */
function fitted({ fit_from, fit_to }: Version): string {
  return span((Date.parse(fit_to) - Date.parse(fit_from)) * 1_000);
}
