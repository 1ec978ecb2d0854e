// The end of a list that is read page by page: goes on by itself when it comes into sight, and by a button for the keyboard.
import { Button, Center, Text } from "@mantine/core";
import { useIntersection } from "@mantine/hooks";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";

interface Props {
  query: Pick<UseInfiniteQueryResult, "hasNextPage" | "isFetchingNextPage" | "fetchNextPage" | "isFetchNextPageError" | "error">;
  /** What the list holds: `runs`, `builds`. */
  of: string;
  /** Waits for the button: for lists that stand among other things. */
  byHand?: boolean;
}

export function More({ query, of, byHand = false }: Props) {
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError, error } = query;
  const { ref, entry } = useIntersection({ rootMargin: "400px" });
  const due = !byHand && entry?.isIntersecting === true && hasNextPage && !isFetchingNextPage && !isFetchNextPageError;
  useEffect(() => {
    if (due) void fetchNextPage();
  }, [due, fetchNextPage]);
  if (!hasNextPage) return null;
  return (
    <Center ref={ref} p="sm">
      {isFetchNextPageError && <Text size="sm" c="red" mr="sm" role="status">{error?.message}</Text>}
      <Button size="xs" variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Show more {of}</Button>
    </Center>
  );
}
