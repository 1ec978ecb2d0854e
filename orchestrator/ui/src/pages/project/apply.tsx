// Makes the files as they are now the live version; refused with all that is wrong with them.
import { Button, List, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { ApiError, api, ask } from "../../api/client";
import type { Schema } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { FirstFew } from "../../parts/first-few";
import { usePending } from "./use-pending";

export function Apply({ project }: { project: Schema<"ProjectView"> }) {
  const [opened, { open, close }] = useDisclosure();
  const queries = useQueryClient();
  const pending = usePending(project.version);

  async function act(): Promise<void> {
    // Nobody's newer version is overwritten by what was decided on an older one.
    const header = { "if-match": `"${project.version}"` };
    const asking = ask(api.POST("/api/v1/project/reload", { params: { header }, body: {} }));
    const applied = await asking.catch((error: unknown) => {
      void queries.invalidateQueries({ queryKey: ["project"] });
      throw inShort(error);
    });
    await Promise.all([["project"], ["active"], ["dag"], ["schedules"], ["views"], ["models"], ["audit"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    notifications.show({ message: words(applied) });
  }

  return (
    <>
      <Button leftSection={<IconUpload size={16} aria-hidden />} variant={project.problems == null && pending !== undefined && pending.length > 0 ? "filled" : "default"} onClick={open}>Apply the files</Button>
      <Confirm opened={opened} onClose={close} title="Apply the files" verb="Apply" act={act}>
        <Text size="sm">The files are read and checked as they are now. If nothing is wrong, new runs are made from them; runs that are active go on as they began.</Text>
        {project.problems != null && <Text size="sm" fw={600}>They have problems now: this will be refused until those are mended.</Text>}
        {pending !== undefined && pending.length === 0 && <Text size="sm" c="dimmed">They are what is live already, as far as their texts go. Data that they name may have changed.</Text>}
        {pending !== undefined && pending.length > 0 && (
          <FirstFew items={pending} few={12}>
            {(few) => <List size="sm">{few.map(({ path, change }) => <List.Item key={path}><span className="mono">{path}</span> {change}</List.Item>)}</List>}
          </FirstFew>
        )}
      </Confirm>
    </>
  );
}

/** What is wrong with the files is on the page, one by one; here it would be all of it as one text. */
function inShort(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.problem?.status !== 422) return error;
  const { errors: _, ...problem } = error.problem;
  return new ApiError("The files have mistakes, so nothing was applied. They are listed on this page, each with its place.", { ...problem, title: "Not applied" });
}

function words({ changes, version }: Schema<"Applied">): string {
  if (changes.length === 0) return "Applied: nothing has changed";
  const few = changes.slice(0, 4).map(({ section, name, change }) => `${section} ${name} ${change}`);
  const more = changes.length - few.length;
  return `Applied as ${version.slice(0, 8)}: ${few.join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}
