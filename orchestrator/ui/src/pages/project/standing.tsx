// What is live, and whether the files say the same.
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { Schema } from "../../api/types";
import { Copied } from "../../parts/copied";
import { Facts } from "../../parts/facts";
import { Card } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Time } from "../../parts/time";
import { usePending } from "./use-pending";

export function Standing({ project }: { project: Schema<"ProjectView"> }) {
  const newest = useQuery({
    // Another version is another question.
    queryKey: ["project", "newest", project.version],
    queryFn: () => ask(api.GET("/api/v1/project/versions", { params: { query: { limit: 1 } } })),
  });
  const pending = usePending(project.version);
  const live = newest.data?.versions.find(({ current }) => current);
  return (
    <Card>
      <Facts facts={[
        ["Name", project.name],
        ["Live version", <Copied text={project.version} shown={project.version.slice(0, 12)} />],
        live === undefined ? null : ["Live since", <Time at={live.deployed_at} seconds />],
        ["Files", <FilesSign project={project} pending={pending?.length} />],
      ]} />
    </Card>
  );
}

function FilesSign({ project, pending }: { project: Schema<"ProjectView">; pending: number | undefined }) {
  if (project.problems != null) return <Sign tone="bad">they have problems</Sign>;
  if (pending === undefined) return <span className="muted">…</span>;
  if (pending === 0) return <Sign tone="good">they are what is live</Sign>;
  return <Sign tone="warn">{pending === 1 ? "one is not applied yet" : `${pending} are not applied yet`}</Sign>;
}
