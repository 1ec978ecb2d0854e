// One backfill: how far it is, when it will be done, what it was asked to do; and pausing, resuming and ending it.
import { Anchor, Button, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlayerPause, IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { api, ask } from "../../api/client";
import { useDeclared, zoneOf } from "../../api/declared";
import { useSession } from "../../api/session";
import { duration } from "../../format/time";
import { Confirm } from "../../parts/confirm";
import { Copied } from "../../parts/copied";
import { type Fact, Facts } from "../../parts/facts";
import { Card, Loaded, Page } from "../../parts/page";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import { type Backfill, BackfillSign, partsOf, Progress, RangeOf } from "./progress";

export default function BackfillPage() {
  const { backfill: id = "" } = useParams();
  const backfill = useQuery({
    queryKey: ["active", "backfill", id],
    queryFn: () => ask(api.GET("/api/v1/backfills/{backfill}", { params: { path: { backfill: id } } })),
    // Its last run's end is told; that it has ended itself is not.
    refetchInterval: ({ state: { data } }) => (data?.ended_at == null ? 5_000 : false),
  });
  const { data } = backfill;
  return (
    <Page
      title={data === undefined ? "Backfill" : `Backfill of ${data.dag}`}
      above={[["/backfills", "Backfills"]]}
      beside={data !== undefined && <BackfillSign state={data.state} />}
      actions={data !== undefined && <Actions backfill={data} />}
    >
      <Loaded query={backfill} height={260}>{(known) => <Standing backfill={known} />}</Loaded>
    </Page>
  );
}

const REPROCESS: Record<Backfill["reprocess"], string> = {
  missing: "those without a run",
  failed: "those without a run, and those that failed or were cancelled",
  all: "all, those that succeeded too",
};

function Standing({ backfill }: { backfill: Backfill }) {
  const zone = zoneOf(useDeclared(backfill.dag).data);
  const { dag, note, by, parallel, priority, reprocess, created_at, ended_at, busy_s } = backfill;
  const facts: (Fact | null)[] = [
    ["DAG", <Anchor component={Link} to={`/dags/${dag}`}>{dag}</Anchor>],
    ["Range", <RangeOf backfill={backfill} zone={zone} />],
    ["Windows", REPROCESS[reprocess]],
    ["Order", backfill.backwards ? "newest first" : "oldest first"],
    ["Runs at once", parallel],
    ["Priority", priority],
    ["Created", <Time at={created_at} seconds />],
    ended_at == null ? null : ["Ended", <Time at={ended_at} seconds />],
    ["Busy", duration(busy_s * 1_000)],
    ["By", by],
    ["Backfill", <Copied text={backfill.id} />],
  ];
  return (
    <>
      <Card title="Progress" actions={<Anchor component={Link} to={`/runs?dag=${encodeURIComponent(dag)}`} size="sm">Runs of {dag}</Anchor>}>
        <Left backfill={backfill} />
        <Progress backfill={backfill} tall />
        <div className="backfill-parts">
          {partsOf(backfill).map(({ word, many, color }) => <span key={word}><i style={{ background: color }} aria-hidden /><strong>{many.toLocaleString("en")}</strong> {word}</span>)}
        </div>
      </Card>
      <Card title="What it was asked to do">
        {note != null && <Text mb="md"><Words text={note} zone={zone} /></Text>}
        <Facts facts={facts} />
      </Card>
    </>
  );
}

function Left({ backfill: { state, left_s, windows, done } }: { backfill: Backfill }) {
  const share = windows === 0 ? 100 : Math.floor((done / windows) * 100);
  const left = left_s == null ? "" : `, about ${duration(left_s * 1_000)} left`;
  const words: Record<Backfill["state"], string> = {
    running: left_s == null ? "Nothing has ended yet, so it cannot say how long it will take." : `At the rate so far: about ${duration(left_s * 1_000)} left.`,
    paused: `Paused: no new runs until it is resumed${left}.`,
    cancelled: "Cancelled: no more runs, and those that existed were ended.",
    finished: "Every window was dealt with.",
  };
  return <Text size="sm"><Text span fw={700} size="xl" mr="sm">{share} %</Text>{words[state]}</Text>;
}

type Change = "pause" | "resume" | "cancel";

const DONE: Record<Change, string> = { pause: "The backfill is paused", resume: "The backfill goes on", cancel: "The backfill is cancelled" };

function Actions({ backfill }: { backfill: Backfill }) {
  const [cancels, setCancels] = useState(false);
  const [pauses, setPauses] = useState(false);
  const { may } = useSession();
  const queries = useQueryClient();
  if (!may("operator") || backfill.ended_at != null) return null;
  const act = async (change: Change, reason: string) => {
    const request = { params: { path: { backfill: backfill.id } }, body: reason === "" ? {} : { note: reason } };
    if (change === "pause") await ask(api.POST("/api/v1/backfills/{backfill}/pause", request));
    else if (change === "resume") await ask(api.POST("/api/v1/backfills/{backfill}/resume", request));
    else await ask(api.POST("/api/v1/backfills/{backfill}/cancel", request));
    notifications.show({ message: DONE[change] });
    for (const key of [["active"], ["runs"], ["dag", backfill.dag], ["audit"]]) void queries.invalidateQueries({ queryKey: key });
  };
  const paused = backfill.state === "paused";
  return (
    <>
      <Button variant={paused ? "filled" : "default"} leftSection={paused ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />} onClick={() => setPauses(true)}>
        {paused ? "Resume" : "Pause"}
      </Button>
      <Button variant="default" leftSection={<IconPlayerStop size={16} aria-hidden />} onClick={() => setCancels(true)}>Cancel</Button>
      <Confirm
        opened={pauses}
        onClose={() => setPauses(false)}
        title={paused ? "Resume this backfill" : "Pause this backfill"}
        verb={paused ? "Resume" : "Pause"}
        reason="optional"
        act={(reason) => act(paused ? "resume" : "pause", reason)}
      >
        <Text size="sm">{paused ? "It makes runs again as there is room for them." : "It makes no more runs until it is resumed; those that exist go on."}</Text>
      </Confirm>
      <Confirm opened={cancels} onClose={() => setCancels(false)} title="Cancel this backfill" verb="Cancel the backfill" danger reason="optional" act={(reason) => act("cancel", reason)}>
        <Text size="sm">It makes no more runs, and those that go on are ended. It cannot be resumed; another one over the same range takes up what is missing.</Text>
      </Confirm>
    </>
  );
}
