// All firings of the day that the address names, one by one.
import { Anchor, CloseButton, Table, Text } from "@mantine/core";
import type { Ref } from "react";
import { Link } from "react-router";
import { useAddress } from "../../parts/address";
import { FirstFew } from "../../parts/first-few";
import { Card } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";
import { dayWords } from "./days";
import type { Calendar, Firing } from "./use-calendar";

export function ChosenDay({ calendar, day, heading }: { calendar: Calendar; day: string; heading: Ref<HTMLHeadingElement> }) {
  const [, choose] = useAddress();
  const firings = (calendar.days.get(day)?.groups ?? []).flatMap((group) => group.firings).sort((one, other) => one.firing.at.localeCompare(other.firing.at));
  const head = <><Table.Th>Time</Table.Th><Table.Th>DAG</Table.Th><Table.Th>In the DAG's zone</Table.Th><Table.Th>Instant</Table.Th><Table.Th>Remark</Table.Th></>;
  return (
    <Card title={dayWords(day)} actions={<CloseButton aria-label="Close the day" onClick={() => choose({ day: null })} />} headingRef={heading} flush>
      {firings.length === 0 && <Text p="md" size="sm" c="dimmed">Nothing fires on this day.</Text>}
      {firings.length > 0 && (
        <FirstFew items={firings} few={100}>
          {(few) => (
            <WideTable label={`Firings of ${dayWords(day)}`} minWidth={620} head={head}>
              <Table.Tbody>{few.map(({ time, firing }) => <FiringRow key={`${firing.dag} ${firing.at}`} time={time} firing={firing} />)}</Table.Tbody>
            </WideTable>
          )}
        </FirstFew>
      )}
    </Card>
  );
}

function FiringRow({ time, firing: { dag, at, local, timezone, offset, clocks, paused } }: { time: string; firing: Firing }) {
  return (
    <Table.Tr>
      <Table.Td fw={600}>{time}</Table.Td>
      <Table.Td className="name"><Anchor component={Link} to={`/dags/${dag}`} size="sm" className="clip" title={dag}>{dag}</Anchor></Table.Td>
      <Table.Td className="line">{local.slice(11, 16)} <Text component="span" size="xs" c="dimmed">{timezone}, UTC{offset}</Text></Table.Td>
      <Table.Td><Time at={at} zone={timezone} /></Table.Td>
      <Table.Td>
        {paused && <Sign tone="calm">paused</Sign>}
        {clocks === "gap" && <Sign tone="warn">right after the gap</Sign>}
        {clocks === "overlap" && <Sign tone="warn">this time comes twice</Sign>}
      </Table.Td>
    </Table.Tr>
  );
}
