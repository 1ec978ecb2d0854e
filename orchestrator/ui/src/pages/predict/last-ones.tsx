// The predictions of this session, to go back to.
import { Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { duration } from "../../format/time";
import { metric } from "../../format/number";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import { toAddress } from "./fields";
import { type Made, useMade } from "./use-predict";

export function LastOnes({ model, chosen }: { model: string; chosen: string | null }) {
  const made = useMade().filter((each) => each.model === model);
  if (made.length === 0) return null;
  return (
    <Card title="Last ones" flush>
      <Table aria-label="Predictions of this session" verticalSpacing={5} horizontalSpacing="md" highlightOnHover>
        <Table.Tbody>
          {made.map((each) => (
            <Table.Tr key={each.answer.prediction_id} className={each.answer.prediction_id === chosen ? "last-chosen" : ""}>
              <Table.Td><Link to={addressOf(each)} replace className="mono last-one">{words(each)}</Link></Table.Td>
              <Table.Td ta="right" className="last-outcome"><b>{outcome(each)}</b></Table.Td>
              <Table.Td ta="right"><Text size="xs" c="dimmed">{duration(each.tookMs)}, <Time at={each.at} seconds /></Text></Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

function addressOf({ model, texts, answer }: Made): string {
  const given = Object.entries(toAddress(texts)).filter((entry): entry is [string, string] => entry[1] !== null);
  return `/predict/${model}?${new URLSearchParams([...given, ["prediction", answer.prediction_id]])}`;
}

function words({ texts }: Made): string {
  return Object.values(texts).map((text) => (text === "" ? "–" : text)).join(" · ");
}

function outcome({ answer: { prediction, probability } }: Made): string {
  if (typeof prediction === "number") return metric(prediction);
  return probability == null ? String(prediction) : `${(probability * 100).toFixed(1)} %`;
}
