// The versions that were deployed, newest first. A click compares one with the one before it.
import { Badge, Button, Table, Text, VisuallyHidden } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import { useAddress } from "../../parts/address";
import { Copied } from "../../parts/copied";
import { More } from "../../parts/more";
import { Card, Loaded } from "../../parts/page";
import { Time } from "../../parts/time";
import { WideTable } from "../../parts/wide-table";

export function VersionTable() {
  const [address, choose] = useAddress();
  // The same question as that of what differs (`parts/version-history`): one answer serves both.
  const query = useInfiniteQuery({
    queryKey: ["project", "versions"],
    queryFn: ({ pageParam }) => ask(api.GET("/api/v1/project/versions", { params: { query: { limit: 100, ...(pageParam === undefined ? {} : { before: pageParam }) } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: EVERY_MINUTE_MS,
  });
  const head = <><Table.Th>Deployed</Table.Th><Table.Th>Version</Table.Th><Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th></>;
  return (
    <Card title="Versions" flush>
      <Loaded query={query} height={160}>
        {({ pages }) => {
          const versions = pages.flatMap((page) => page.versions);
          return (
            <WideTable label="Versions" minWidth={0} head={head}>
              <Table.Tbody>
                {versions.map(({ version, deployed_at, current }, place) => (
                  <Table.Tr key={version} className={address.get("to") === version ? "row-chosen" : ""}>
                    <Table.Td><Time at={deployed_at} seconds /></Table.Td>
                    <Table.Td className="line"><Copied text={version} shown={version.slice(0, 12)} /> {current && <Badge variant="light" color="green" tt="none" component="span">live</Badge>}</Table.Td>
                    <Table.Td ta="right">
                      {place === versions.length - 1 && !query.hasNextPage
                        ? <Text component="span" size="xs" c="dimmed">the first</Text>
                        : <Button size="compact-xs" variant="subtle" onClick={() => choose({ to: version, from: versions[place + 1]?.version ?? null })}>What it changed</Button>}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </WideTable>
          );
        }}
      </Loaded>
      <More query={query} of="versions" byHand />
    </Card>
  );
}
