// What of the folder's files is not live yet.
import { useQuery } from "@tanstack/react-query";
import { useFilesNow, versionFiles } from "../../parts/project-files";

export interface Pending {
  path: string;
  change: "added" | "changed" | "removed";
}

/** None until both are read. */
export function usePending(version: string): Pending[] | undefined {
  const now = useFilesNow(version);
  const live = useQuery(versionFiles(version));
  if (now.data === undefined || live.data === undefined) return undefined;
  const before = new Map(live.data.files.map(({ path, text }) => [path, text]));
  const after = new Map(now.data.files.map(({ path, text }) => [path, text]));
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path): Pending[] => {
    if (before.get(path) === after.get(path)) return [];
    return [{ path, change: !before.has(path) ? "added" : !after.has(path) ? "removed" : "changed" }];
  });
}
