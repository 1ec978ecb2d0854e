// What a worker has, or what a queue's tasks ask for.
import { Badge, Group } from "@mantine/core";

export function Labels({ labels }: { labels: Record<string, string> }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return null;
  return <Group gap={4}>{entries.map(([name, value]) => <Badge key={name} variant="default" tt="none" size="sm" title={`${name}=${value}`} maw={220}>{name}={value}</Badge>)}</Group>;
}
