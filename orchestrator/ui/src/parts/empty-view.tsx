// A calm word where there is nothing yet, and what to do about it.
import { Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";

export function EmptyView({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py="xl" px="md" ta="center" className="muted">
      <Title order={2} fw={600}>{title}</Title>
      {children}
    </Stack>
  );
}
