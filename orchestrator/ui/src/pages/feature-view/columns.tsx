// The view's features and their types.
import { Badge, Table, Text } from "@mantine/core";
import { Card } from "../../parts/page";
import type { View } from "../features/views";

export function Columns({ view: { features } }: { view: View }) {
  return (
    <Card title={<>Features <Badge variant="light" color="gray" component="span">{features.length}</Badge></>} flush={features.length > 0}>
      {features.length === 0 ? (
        <Text size="sm" c="dimmed">They are known once a server has checked the project: those of a view in SQL follow from its sources' files.</Text>
      ) : (
        <div className="view-columns" tabIndex={0} role="region" aria-label="Features of the view">
          <Table aria-label="Features" verticalSpacing={5} horizontalSpacing="md">
            <Table.Tbody>
              {features.map(({ name, type }) => (
                <Table.Tr key={name}>
                  <Table.Td className="mono">{name}</Table.Td>
                  <Table.Td ta="right"><span className="mono muted">{type ?? "not known yet"}</span></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </Card>
  );
}
