// The file in which a DAG is declared: as it is now, with what is wrong at its lines, and how it has changed.
import { Group, SegmentedControl, Select, Skeleton, Stack, Text } from "@mantine/core";
import { lazy, Suspense, useMemo } from "react";
import type { Schema } from "../../api/types";
import { declaredAt, type Place } from "../../format/declared-at";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded } from "../../parts/page";
import { Problems, useProject } from "../../parts/problems";
import { useFilesNow } from "../../parts/project-files";
import type { Mark } from "../../parts/source-view";
import type { Dag } from ".";

const SourceView = lazy(() => import("../../parts/source-view"));
const VersionHistory = lazy(() => import("../../parts/version-history"));

export function SourceTab({ dag }: { dag: Dag }) {
  const files = useFilesNow(dag.version);
  return <Loaded query={files} height={400}>{(data) => <Source dag={dag} files={data.files} />}</Loaded>;
}

function Source({ dag, files }: { dag: Dag; files: Schema<"ProjectFile">[] }) {
  const [words, choose] = useAddress();
  const home = useMemo(() => placeOf(dag, files), [dag, files]);
  const path = words.get("file") ?? home?.path ?? files[0]?.path;
  const file = files.find((each) => each.path === path);
  const history = words.get("show") === "changes" || words.get("show") === "all";
  const faults = useProject().data?.faults;
  const marks = useMemo(() => marksOf(faults ?? [], path), [faults, path]);
  if (path === undefined) return <EmptyView title="The project has no files here"><Text size="sm">This server was given the project without its texts.</Text></EmptyView>;
  return (
    <Stack gap="md">
      <Problems />
      <Card flush>
        <Group className="dag-tools" justify="space-between" gap="sm">
          <Select aria-label="File" data={files.map((each) => each.path)} value={path} onChange={(chosen) => choose({ file: chosen === home?.path ? null : chosen })} allowDeselect={false} searchable={files.length > 12} flex="1 1 12rem" maw={420} />
          <SegmentedControl
            aria-label="What is shown"
            data={[{ value: "now", label: "As it is now" }, { value: "changes", label: "What has changed" }]}
            value={history ? "changes" : "now"}
            onChange={(value) => choose({ show: value === "now" ? null : value, from: null, to: null })}
          />
        </Group>
        <Suspense fallback={<Skeleton height={400} role="status" aria-label="Loading" />}>
          {history ? <VersionHistory path={path} /> : file === undefined ? <Gone path={path} /> : <SourceView path={path} text={file.text} marks={marks} at={path === home?.path ? home.line : null} />}
        </Suspense>
      </Card>
    </Stack>
  );
}

function Gone({ path }: { path: string }) {
  return <EmptyView title="There is no such file"><Text size="sm">{path} is not in the project's folder any more.</Text></EmptyView>;
}

/** Where the server says it is declared; where it does not say, where its name stands under `dags:`. */
function placeOf({ name, declared }: Dag, files: Schema<"ProjectFile">[]): Place | null {
  return declared == null ? declaredAt(files, "dags", name) : { path: declared.file, line: declared.line };
}

function marksOf(faults: Schema<"Fault">[], path: string | undefined): Mark[] {
  return faults.flatMap(({ file, line, ...fault }) => (file === path && line != null ? [{ ...fault, line }] : []));
}
