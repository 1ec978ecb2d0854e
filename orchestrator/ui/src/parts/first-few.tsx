// The beginning of a long list, and a button for more of it.
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";

interface Props<T> {
  items: readonly T[];
  few?: number;
  children: (items: readonly T[]) => ReactNode;
}

export function FirstFew<T>({ items, few = 50, children }: Props<T>) {
  const [shown, setShown] = useState(few);
  return (
    <>
      {children(items.slice(0, shown))}
      {items.length > shown && (
        <Button variant="subtle" size="compact-sm" m="xs" onClick={() => setShown(shown * 4)}>
          Show more ({(items.length - shown).toLocaleString("en")} left)
        </Button>
      )}
    </>
  );
}
