// Asks before tasks run again, with the names of those that will: the server says which, without doing it.
import { Alert, Badge, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schema } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { ErrorView } from "../../parts/error-view";

export type RunAgain = Schema<"RunAgain">;

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  verb: string;
  words: string;
  /** Names the question, for its answer to be kept. */
  about: readonly unknown[];
  ask: (dryRun: boolean) => Promise<RunAgain>;
  onDone: (again: RunAgain) => void | Promise<void>;
  /** It is a new run of what is deployed now. */
  latest?: boolean;
}

export function AgainDialog({ opened, onClose, title, verb, words, about, ask, onDone, latest = false }: Props) {
  // Not with what is read of the run: once it runs again, the question has no answer.
  const plan = useQuery({ queryKey: ["dry-run", ...about], queryFn: () => ask(true), enabled: opened, staleTime: 0, gcTime: 0 });
  return (
    <Confirm
      opened={opened}
      onClose={onClose}
      title={title}
      verb={verb}
      disabled={plan.isFetching || plan.data === undefined || plan.data.tasks.length === 0}
      act={async () => onDone(await ask(false))}
    >
      <Text size="sm">{words}</Text>
      {plan.data === undefined && plan.error === null && <Skeleton height={80} role="status" aria-label="Loading" />}
      {plan.error !== null && <ErrorView error={plan.error} />}
      {plan.data !== undefined && <Plan plan={plan.data} latest={latest} />}
    </Confirm>
  );
}

const FEW = 40;

function Plan({ plan, latest }: { plan: RunAgain; latest: boolean }) {
  const [whole, setWhole] = useState(false);
  const { tasks } = plan;
  const shown = whole ? tasks : tasks.slice(0, FEW);
  if (tasks.length === 0) return <Text size="sm" c="dimmed">No task would run again.</Text>;
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>{tasks.length === 1 ? "This task runs again:" : `These ${tasks.length.toLocaleString("en")} tasks run again:`}</Text>
      <Group gap={6} mah={260} className="run-again-names">
        {shown.map((task) => <Badge key={task} variant="light" tt="none" fw={500} maw="100%" title={task}>{task}</Badge>)}
        {shown.length < tasks.length && <button type="button" className="link-button muted" onClick={() => setWhole(true)}>and {tasks.length - shown.length} more</button>}
      </Group>
      {!latest && !plan.version_is_current && (
        <Alert color="orange" variant="light" title="An older version of the project">
          They run as the run's own version declares them, not as what is deployed now. “Run the latest version” makes a new run of that.
        </Alert>
      )}
    </Stack>
  );
}
