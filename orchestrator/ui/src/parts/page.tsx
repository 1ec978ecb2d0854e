// The beginning of a page: where it stands, what it is called, what can be done; and the cards it is made of.
import { Anchor, Breadcrumbs, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode, Ref } from "react";
import { Link } from "react-router";
import type { UseQueryResult } from "@tanstack/react-query";
import { ErrorView } from "./error-view";

interface PageProps {
  title: string;
  /** What stands above it: `[address, word]`. */
  above?: [string, string][];
  /** Beside the title: a state, a badge. */
  beside?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, above = [], beside, actions, children }: PageProps) {
  useDocumentTitle(`${title} · Daybreak`);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-end" gap="sm">
        <div className="page-head">
          {above.length > 0 && (
            <Breadcrumbs separatorMargin={6} mb={2}>
              {above.map(([to, word]) => <Anchor key={to} component={Link} to={to} size="sm">{word}</Anchor>)}
            </Breadcrumbs>
          )}
          <Group gap="sm"><Title order={1} className="page-title">{title}</Title>{beside}</Group>
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

interface CardProps {
  title?: ReactNode;
  actions?: ReactNode;
  /** Of a card that focus goes to. */
  headingRef?: Ref<HTMLHeadingElement>;
  /** No space around what is inside: tables, graphs. */
  flush?: boolean;
  children: ReactNode;
}

export function Card({ title, actions, headingRef, flush = false, children }: CardProps) {
  return (
    <section className="card">
      {(title !== undefined || actions !== undefined) && (
        <Group justify="space-between" className="card-head" gap="sm">
          {title !== undefined && <Title order={2} {...(headingRef === undefined ? {} : { ref: headingRef, tabIndex: -1 })}>{title}</Title>}
          {actions}
        </Group>
      )}
      <div className={flush ? "card-flush" : "card-body"}>{children}</div>
    </section>
  );
}

/** What a query has brought; before that its place, and what went wrong. Old data stay while new ones do not come. */
export function Loaded<T>({ query, children, height = 120 }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; height?: number }) {
  if (query.data !== undefined) {
    const failed = query.error !== null && <Text size="sm" c="red" role="status">This may be old: {query.error.message}</Text>;
    return <>{failed}{children(query.data)}</>;
  }
  if (query.error !== null) return <ErrorView error={query.error} again={() => void query.refetch()} />;
  return <Skeleton height={height} role="status" aria-label="Loading" />;
}
