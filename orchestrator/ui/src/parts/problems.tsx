// What is wrong with the project's files as they are now, in short, above what still runs from the version before. Nothing where
// nothing is wrong.
import { Alert, Anchor, List, Text } from "@mantine/core";
import { IconFileAlert } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, ask } from "../api/client";
import type { Schema } from "../api/types";
import { Words } from "./words";

/** No event tells of files that somebody is writing, and who writes them waits for this. */
const BETWEEN_LOOKS_MS = 5_000;

const FEW = 3;

/** The project that is live, and what is wrong with its files. */
export function useProject() {
  return useQuery({ queryKey: ["project", "now"], queryFn: () => ask(api.GET("/api/v1/project")), refetchInterval: BETWEEN_LOOKS_MS });
}

export function Problems() {
  const { data } = useProject();
  if (data?.problems == null) return null;
  // What keeps it from being deployed first; warnings alone do not.
  const all = data.faults ?? [];
  const errors = all.filter(({ severity }) => severity === "error");
  const faults = errors.length > 0 ? errors : all;
  const more = faults.length - FEW;
  return (
    <Alert color="orange" icon={<IconFileAlert size={20} />} title="The project's files have problems; the version before them stays live">
      <List size="sm" spacing={2}>{faults.slice(0, FEW).map((fault, place) => <List.Item key={place}><Fault fault={fault} /></List.Item>)}</List>
      {faults.length === 0 && <Text size="sm" lineClamp={3}>{data.problems}</Text>}
      <Anchor component={Link} to="/project" size="sm">{more > 0 ? `See these and ${more} more` : "See them in the files"}</Anchor>
    </Alert>
  );
}

function Fault({ fault: { file, line, message } }: { fault: Schema<"Fault"> }) {
  const place = file == null ? null : `${file}${line == null ? "" : `:${line}`}`;
  return <>{place !== null && <span className="mono">{place} </span>}<Words text={message} /></>;
}
