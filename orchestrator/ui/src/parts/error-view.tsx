// An error as people meet it: what was tried, what to do next, and the id under which the server's log has it.
import { Alert, Button, Group, List, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { ApiError } from "../api/client";
import { Copied } from "./copied";
import { Words } from "./words";

interface Props {
  error: Error;
  /** Tries again. */
  again?: () => void;
  title?: string;
}

export function ErrorView({ error, again, title }: Props) {
  const problem = error instanceof ApiError ? error.problem : null;
  const word = title ?? (problem === null ? (error instanceof ApiError ? "No connection" : "This page has failed") : titleOf(problem.status, problem.title));
  return (
    <Alert color="red" icon={<IconAlertTriangle size={20} />} title={word} role="alert" my="md">
      <Text size="sm" component="div"><Words text={error.message} /></Text>
      {(problem?.errors?.length ?? 0) > 0 && (
        <List size="sm" mt="xs">
          {problem?.errors?.map((item, place) => <List.Item key={place}><Words text={[item.pointer, item.hint].filter(Boolean).join(": ")} /></List.Item>)}
        </List>
      )}
      <Group mt="sm" gap="md">
        {again !== undefined && <Button size="xs" variant="light" color="red" onClick={again}>Try again</Button>}
        {problem !== null && problem.request_id !== "" && <Text size="xs" c="dimmed">request <Copied text={problem.request_id} /></Text>}
      </Group>
    </Alert>
  );
}

function titleOf(status: number, title: string): string {
  if (status === 403) return "Your role may not do this";
  if (status === 404) return "This does not exist";
  if (status === 409) return "Things have changed meanwhile";
  return title;
}
