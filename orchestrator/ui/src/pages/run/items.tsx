// The items of a task that is done once per item of a list, page by page, in the list's order; a state narrows them down.
import { Select, Table } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { RunDetail, TaskRun, TaskState } from "../../api/types";
import { duration } from "../../format/time";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { More } from "../../parts/more";
import { useNow } from "../../parts/now";
import { State } from "../../parts/state";
import { WideTable } from "../../parts/wide-table";
import { STATES } from "../../theme";
import { timesOf } from "./tasks";

const PAGE = 100;
const ITEM_STATES: TaskState[] = ["waiting", "ready", "running", "deferred", "retry_wait", "succeeded", "failed", "skipped", "cancelled"];

export function Items({ run, task }: { run: RunDetail; task: string }) {
  const [words, choose] = useAddress();
  const state = ITEM_STATES.find((each) => each === words.get("items")) ?? null;
  const items = useInfiniteQuery({
    queryKey: ["run", run.id, "items", task, state],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => {
      const query = { from: pageParam, limit: PAGE, ...(state === null ? {} : { state }) };
      return ask(api.GET("/api/v1/runs/{run}/tasks/{task}/items", { params: { path: { run: run.id, task }, query } }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const now = useNow(5_000);
  if (items.error !== null && items.data === undefined) return <ErrorView error={items.error} again={() => void items.refetch()} />;
  const shown = items.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Select
        size="xs"
        m="sm"
        maw={180}
        aria-label="Narrow the items down by state"
        placeholder="Any state"
        clearable
        value={state}
        data={ITEM_STATES.map((value) => ({ value, label: STATES[value].word }))}
        onChange={(next) => choose({ items: next })}
      />
      {items.data !== undefined && shown.length === 0 && <EmptyView title="No items">{state === null ? "The list is empty, or not known yet." : "None of them stands so."}</EmptyView>}
      {shown.length > 0 && (
        <WideTable label={`Items of ${task}`} minWidth={380} head={<><Table.Th>Item</Table.Th><Table.Th>State</Table.Th><Table.Th className="number">Ran</Table.Th></>}>
          <Table.Tbody>{shown.map((item) => <ItemRow key={item.name} item={item} now={now} onChoose={() => choose({ task: item.name, view: null })} />)}</Table.Tbody>
        </WideTable>
      )}
      <More query={items} of="items" byHand />
    </>
  );
}

function ItemRow({ item, now, onChoose }: { item: TaskRun; now: number; onChoose: () => void }) {
  const { ran } = timesOf(item, now);
  const value = JSON.stringify(item.item) ?? "";
  return (
    <Table.Tr>
      <Table.Td className="name">
        <button type="button" className="link-button" onClick={onChoose}><strong>{item.name}</strong></button>
        <span className="muted mono clip" title={value}>{value}</span>
        {item.reason != null && <span className="clip" title={item.reason}>{item.reason}</span>}
      </Table.Td>
      <Table.Td><State state={item.state} /></Table.Td>
      <Table.Td className="number">{ran === null ? "–" : duration(ran)}</Table.Td>
    </Table.Tr>
  );
}
