// What a jump of the clocks does, in words: that day is an hour shorter or longer, and some times do not exist or come twice.
import { List, Text } from "@mantine/core";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import { wallClock } from "../../format/zone";
import type { ClockChange } from "./use-calendar";

/** Minutes ahead of UTC. */
function minutes(offset: string): number {
  const [hours = "0", rest = "0"] = offset.slice(1).split(":");
  return (offset.startsWith("-") ? -1 : 1) * (Number(hours) * 60 + Number(rest));
}

/** How far clocks jump, in minutes: forward is more than 0. */
function jump({ before, after }: ClockChange): number {
  return minutes(after) - minutes(before);
}

/** `+1 h`, `−30 min`. */
export function jumpWords(change: ClockChange): string {
  const by = jump(change);
  const far = Math.abs(by);
  return `${by > 0 ? "+" : "−"}${far % 60 === 0 ? `${far / 60} h` : `${far} min`}`;
}

export function ClockChanges({ changes }: { changes: readonly ClockChange[] }) {
  if (changes.length === 0) return null;
  return (
    <Card title="Clocks change">
      <List size="sm" spacing={6}>
        {changes.map((change) => <List.Item key={`${change.timezone} ${change.at}`}><Change change={change} /></List.Item>)}
      </List>
    </Card>
  );
}

function Change({ change }: { change: ClockChange }) {
  const { timezone, at, before, after } = change;
  const forward = jump(change) > 0;
  const shown = wallClock(at, timezone).slice(11, 16);
  const otherwise = new Date(Date.parse(at) + minutes(before) * 60_000).toISOString().slice(11, 16);
  const [low, high] = forward ? [otherwise, shown] : [shown, otherwise];
  return (
    <>
      <b>{timezone}</b>, <Time at={at} zone={timezone} />: clocks go from {otherwise} to {shown} (UTC{before} to UTC{after}).{" "}
      <Text component="span" size="sm" c="dimmed">
        {forward
          ? `Times from ${low} to ${high} do not exist that day: what is set for them fires once, right after the gap, unless the schedule says otherwise (dst).`
          : `Times from ${low} to ${high} come twice that day: what is set for them fires at the first, unless the schedule says otherwise (dst).`}
      </Text>
    </>
  );
}
