// The files as they are now, with what is wrong marked at its lines.
import { Select, Skeleton, Text, UnstyledButton } from "@mantine/core";
import { lazy, Suspense, useEffect, useMemo, useRef } from "react";
import type { Schema } from "../../api/types";
import { bytes } from "../../format/number";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Card, Loaded } from "../../parts/page";
import { type ProjectFile, useFilesNow } from "../../parts/project-files";
import type { Mark } from "../../parts/source-view";
import { usePending } from "./use-pending";

const SourceView = lazy(() => import("../../parts/source-view"));

type Project = Schema<"ProjectView">;

export function Files({ project }: { project: Project }) {
  const files = useFilesNow(project.version);
  return (
    <Loaded query={files} height={400}>
      {({ files: all, left_out }) => (
        <>
          {all.length === 0 ? <EmptyView title="The project has no files here"><Text size="sm">This server was given the project without its texts.</Text></EmptyView> : <FileBrowser project={project} files={all} />}
          {(left_out ?? 0) > 0 && <Text size="sm" c="dimmed" mt="xs">{left_out} more files are too large to be shown here.</Text>}
        </>
      )}
    </Loaded>
  );
}

function FileBrowser({ project, files }: { project: Project; files: ProjectFile[] }) {
  const [address, choose] = useAddress();
  const faults = project.faults ?? [];
  const asked = address.get("file");
  const worst = faults.find(({ severity }) => severity === "error") ?? faults[0];
  const file = files.find(({ path }) => path === asked) ?? (asked === null ? (files.find(({ path }) => path === worst?.file) ?? files[0]) : undefined);
  const marks = useMemo(() => faults.flatMap(({ file: at, line, ...fault }): Mark[] => (at === file?.path && line != null ? [{ ...fault, line }] : [])), [faults, file?.path]);
  const line = Number(address.get("line"));
  const source = useRef<HTMLDivElement>(null);
  // A place that is asked for is brought into sight; a file that is merely shown is not.
  useEffect(() => {
    if (line > 0) source.current?.scrollIntoView({ block: "start" });
  }, [line, asked]);
  const go = (path: string | null) => choose({ file: path, line: null });
  return (
    <div className="project-files">
      <Select className="file-select" aria-label="File" data={files.map(({ path }) => path)} value={file?.path ?? null} onChange={go} allowDeselect={false} searchable hiddenFrom="md" />
      <FileList files={files} project={project} chosen={file?.path} onChoose={go} />
      <div ref={source} className="file-source">
        <Card title={<span className="mono">{file?.path ?? asked}</span>} flush>
          {file === undefined ? (
            <EmptyView title="There is no such file"><Text size="sm">{asked} is not in the project's folder any more.</Text></EmptyView>
          ) : (
            <Suspense fallback={<Skeleton height={400} role="status" aria-label="Loading" />}><SourceView path={file.path} text={file.text} marks={marks} at={Number.isInteger(line) && line > 0 ? line : null} /></Suspense>
          )}
        </Card>
      </div>
    </div>
  );
}

interface ListProps {
  files: ProjectFile[];
  project: Project;
  chosen: string | undefined;
  onChoose: (path: string) => void;
}

function FileList({ files, project, chosen, onChoose }: ListProps) {
  const pending = usePending(project.version);
  return (
    <nav className="card file-list mantine-visible-from-md" aria-label="Files">
      {files.map(({ path, text }) => {
        const faults = (project.faults ?? []).filter(({ file }) => file === path);
        const errors = faults.filter(({ severity }) => severity === "error").length;
        return (
          <UnstyledButton key={path} className="file-link" aria-current={path === chosen ? "true" : undefined} onClick={() => onChoose(path)} title={path}>
            <span className="clip">{path}</span>
            <FileNote errors={errors} warnings={faults.length - errors} change={pending?.find((each) => each.path === path)?.change} size={text.length} />
          </UnstyledButton>
        );
      })}
    </nav>
  );
}

function FileNote({ errors, warnings, change, size }: { errors: number; warnings: number; change: string | undefined; size: number }) {
  if (errors > 0) return <span className="file-faults" title={`${errors} errors`}>{errors} ✕</span>;
  if (warnings > 0) return <span className="file-warnings" title={`${warnings} warnings`}>{warnings} !</span>;
  return change === undefined ? <span className="muted">{bytes(size)}</span> : <span className="file-pending">{change}</span>;
}
