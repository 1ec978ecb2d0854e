// Where something is declared in the project's files. Knows nothing of the page.

interface File {
  path: string;
  text: string;
}

export interface Place {
  path: string;
  /** From 1. */
  line: number;
}

/** Where a name stands in a section (`dags`, `models`, …): the first key of that name, one step in. */
export function declaredAt(files: readonly File[], section: string, name: string): Place | null {
  for (const { path, text } of files) {
    const lines = text.split("\n");
    const start = lines.findIndex((line) => new RegExp(`^${section}\\s*:`).test(line));
    if (start < 0) continue;
    for (let place = start; place < lines.length; place += 1) {
      const line = lines[place] ?? "";
      if (place > start && /^[^\s#]/.test(line)) break;
      const rest = place === start ? line.slice(line.indexOf(":") + 1) : line;
      if (new RegExp(`(?:^\\s+|[{,]\\s*)["']?${name}["']?\\s*:`).test(rest)) return { path, line: place + 1 };
    }
  }
  return null;
}
