// What is chosen on a page, kept in its address: filters, tabs, a task. Nothing of it makes a new entry of the history.
import { useCallback } from "react";
import { useSearchParams } from "react-router";

type Choice = Record<string, string | null>;

/** The words of the address, and how to change some of them; `null` takes one away. */
export function useAddress(): [URLSearchParams, (choice: Choice) => void] {
  const [words, setWords] = useSearchParams();
  const choose = useCallback(
    (choice: Choice) => {
      setWords(
        () => {
          // What stands in the bar, and not what was drawn last: two choices may follow each other within one drawing.
          const next = new URLSearchParams(location.search);
          for (const [name, word] of Object.entries(choice)) {
            if (word === null || word === "") next.delete(name);
            else next.set(name, word);
          }
          return next;
        },
        { replace: true, preventScrollReset: true },
      );
    },
    [setWords],
  );
  return [words, choose];
}
