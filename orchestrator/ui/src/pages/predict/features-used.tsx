// What the prediction was made from: the row that came with it and the features that were read, with their ages at that
// moment. What was made up, and categories that the model had not seen, stand out.
import { Anchor, Badge, Table, Text } from "@mantine/core";
import { Fragment } from "react";
import { Link } from "react-router";
import type { Schema } from "../../api/types";
import { shown, whole } from "../../format/value";
import { Freshness } from "../../parts/freshness";
import { Card } from "../../parts/page";
import { FeatureSign } from "../../parts/sign-of-feature";
import type { PredictionRecord } from "./use-predict";

interface Props {
  record: PredictionRecord;
  signature: Schema<"Signature">;
}

export function FeaturesUsed({ record, signature }: Props) {
  const imputed = new Set(record.imputed.map(({ column }) => column));
  const title = <>What it was made from {imputed.size > 0 && <Badge variant="light" color="orange" tt="none" component="span">{imputed.size} imputed</Badge>}</>;
  return (
    <Card title={title} flush>
      <Table aria-label="What the prediction was made from" verticalSpacing={4} horizontalSpacing="md" className="used">
        <Table.Tbody>
          <Table.Tr className="used-group"><Table.Th colSpan={3} scope="colgroup"><b>Request</b></Table.Th></Table.Tr>
          {Object.entries(record.row).map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td className="mono">{name}</Table.Td>
              <Value value={value} />
              <Table.Td ta="right">
                {imputed.has(name) && <Imputed />}
                {record.unknown_categories.includes(name) && <Badge variant="light" color="orange" tt="none" title="The model was trained without this category">unknown category</Badge>}
              </Table.Td>
            </Table.Tr>
          ))}
          {record.features.map((read) => <Read key={read.roles.join()} read={read} record={record} signature={signature} imputed={imputed} />)}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

interface ReadProps extends Props {
  read: Schema<"PredictionRead">;
  imputed: Set<string>;
}

function Read({ read: { view, roles, keys, as_of, measured_from, values, statuses }, record, signature, imputed }: ReadProps) {
  const ttl = signature.features.find((feature) => roles.includes(feature.role))?.ttl_us;
  const others = roles.filter((role) => role !== view);
  return (
    <Fragment>
      <Table.Tr className="used-group">
        <Table.Th colSpan={3} scope="colgroup">
          <div className="used-head">
            <span className="used-view">
              <Anchor component={Link} to={`/features/${view}`} size="sm" fw={600}>{view}</Anchor>
              {others.length > 0 && <Text component="span" size="xs" c="dimmed"> as {others.join(", ")}</Text>}
              {keys.length > 0 && <Text component="span" size="xs" c="dimmed"> of {keys.map(shown).join(", ")}</Text>}
            </span>
            {as_of == null ? <FeatureSign status="NOT_FOUND" /> : <Freshness from={measured_from ?? as_of} ttlUs={ttl} now={Date.parse(record.business_time)} />}
          </div>
        </Table.Th>
      </Table.Tr>
      {Object.entries(values).map(([name, value]) => (
        <Table.Tr key={name}>
          <Table.Td className="mono">{name}</Table.Td>
          <Value value={value} />
          <Table.Td ta="right">
            {roles.some((role) => imputed.has(`${role}__${name}`)) && <Imputed />}
            {statuses[name] !== undefined && statuses[name] !== "PRESENT" && as_of != null && <FeatureSign status={statuses[name]} />}
          </Table.Td>
        </Table.Tr>
      ))}
    </Fragment>
  );
}

function Value({ value }: { value: unknown }) {
  return <Table.Td className="mono" ta="right" title={whole(value)}>{shown(value)}</Table.Td>;
}

function Imputed() {
  return <Badge variant="light" color="orange" tt="none" title="The model used a value of its training in its place">imputed</Badge>;
}
