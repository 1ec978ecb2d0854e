// The project: what is live, what is wrong with its files, the files themselves, and how they came to be so.
import { Skeleton, Tabs } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { Schema } from "../../api/types";
import { useSession } from "../../api/session";
import { useAddress } from "../../parts/address";
import { Card, Loaded, Page } from "../../parts/page";
import { useProject } from "../../parts/problems";
import { Apply } from "./apply";
import { Faults } from "./faults";
import { Files } from "./files";
import { Standing } from "./standing";
import { VersionTable } from "./version-table";
import "./project.css";

const VersionHistory = lazy(() => import("../../parts/version-history"));

export default function ProjectPage() {
  const project = useProject();
  const { may } = useSession();
  return (
    <Page title="Project" actions={may("editor") && project.data && <Apply project={project.data} />}>
      <Loaded query={project} height={400}>{(data) => <OneProject project={data} />}</Loaded>
    </Page>
  );
}

function OneProject({ project }: { project: Schema<"ProjectView"> }) {
  const [address, choose] = useAddress();
  const tab = address.get("tab") === "versions" ? "versions" : "files";
  return (
    <>
      <Standing project={project} />
      <Faults project={project} />
      <Tabs value={tab} onChange={(value) => choose({ tab: value === "files" ? null : value, from: null, to: null })} keepMounted={false}>
        <Tabs.List mb="md"><Tabs.Tab value="files">Files</Tabs.Tab><Tabs.Tab value="versions">Versions</Tabs.Tab></Tabs.List>
        <Tabs.Panel value="files"><Files project={project} /></Tabs.Panel>
        <Tabs.Panel value="versions">
          <div className="project-versions">
            <VersionTable />
            <Card title="What differs" flush><Suspense fallback={<Skeleton height={240} role="status" aria-label="Loading" />}><VersionHistory /></Suspense></Card>
          </div>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
