// Runs something only while the tab is seen: browsers give a host six connections in all, and tabs that nobody looks at must not
// hold them.

/** A tab that is hidden for longer lets go. */
const HIDDEN_MS = 10_000;

/** Calls `begin` whenever the tab comes to be seen, and what that returned once it has been hidden for a while. */
export function whileVisible(begin: () => () => void): () => void {
  let end: (() => void) | null = null;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  const letGo = () => {
    end?.();
    end = null;
  };
  const look = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(letGo, HIDDEN_MS);
    else end ??= begin();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    clearTimeout(hiding);
    letGo();
  };
}
