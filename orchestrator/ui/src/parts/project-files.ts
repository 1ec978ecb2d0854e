// The project's texts: as they are in its folder now, or as a version had them.
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ApiError, api, ask } from "../api/client";
import { EVERY_MINUTE_MS } from "../api/queries";
import type { Schema } from "../api/types";

export type ProjectFile = Schema<"ProjectFile">;

/** Of a version they never change. */
export function versionFiles(version: string) {
  return queryOptions({
    queryKey: ["project-version", version],
    queryFn: () => ask(api.GET("/api/v1/project/versions/{version}/files", { params: { path: { version } } })),
    staleTime: Infinity,
  });
}

/** As they are now; where the server has no folder of them, as the live version has them. */
export function useFilesNow(version: string) {
  return useQuery({
    queryKey: ["project", "files", version],
    queryFn: async ({ client }) => {
      try {
        return await ask(api.GET("/api/v1/project/files"));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return client.fetchQuery(versionFiles(version));
        throw error;
      }
    },
    refetchInterval: EVERY_MINUTE_MS,
  });
}
