// The words of a YAML file with what each is, line by line: enough to colour it. It is no parser: what it does not know is
// plain text. Knows nothing of the page.

export type TokenKind = "plain" | "key" | "text" | "value" | "note" | "sign" | "filled";

export interface Token {
  kind: TokenKind;
  text: string;
}

/** The tokens of all lines. */
export function yamlTokens(lines: readonly string[]): Token[][] {
  // A text that goes on over lines (`|`, `>`) lasts while lines stand further to the right than the line that began it.
  let block: number | null = null;
  return lines.map((line) => {
    const indent = line.search(/\S/);
    if (block !== null && (indent < 0 || indent > block)) return filledIn(line, "text");
    block = /(?:^|[:\-\s])[|>][+-]?\d?\s*(?:#.*)?$/.test(line) && indent >= 0 ? indent : null;
    return tokensOf(line);
  });
}

const PATTERNS: readonly [TokenKind, RegExp][] = [
  ["note", /#.*$/y],
  ["text", /"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/y],
  ["key", /[\w.$-]+(?=\s*:(?:\s|$))/y],
  ["filled", /\$\{[^}]*\}/y],
  ["value", /(?:true|false|null|~|[-+]?\d[\d_]*(?:\.\d+)?(?:us|ms|[smhdw])?)(?=$|[\s,\]}])/y],
  ["sign", /[[\]{},:&*|>-]+/y],
];
const WORD = /[^\s[\]{},:"'#$]+|\s+|./y;

function tokensOf(line: string): Token[] {
  const found: Token[] = [];
  let place = 0;
  while (place < line.length) {
    const [kind, text] = next(line, place, found);
    place += text.length;
    if (kind === "text") found.push(...filledIn(text, kind));
    else joined(found, { kind, text });
  }
  return found;
}

function next(line: string, place: number, before: readonly Token[]): [TokenKind, string] {
  // `a-b` is one word and `x#y` has no note: values, notes and signs begin after a space or a sign.
  const last = before[before.length - 1]?.text.slice(-1) ?? " ";
  const begins = /[\s[\]{},:&*|>-]/.test(last);
  for (const [kind, pattern] of PATTERNS) {
    if (!begins && (kind === "value" || kind === "note" || kind === "key")) continue;
    pattern.lastIndex = place;
    const text = pattern.exec(line)?.[0];
    if (text !== undefined && text !== "") return [kind, text];
  }
  WORD.lastIndex = place;
  return ["plain", WORD.exec(line)?.[0] ?? line.slice(place)];
}

function joined(found: Token[], token: Token): void {
  const last = found[found.length - 1];
  if (last?.kind === "plain" && token.kind === "plain") last.text += token.text;
  else found.push(token);
}

/** A text with the values that are put into it (`${…}`) apart. */
function filledIn(text: string, kind: TokenKind): Token[] {
  const parts = text.split(/(\$\{[^}]*\})/);
  return parts.filter((part) => part !== "").map((part) => ({ kind: part.startsWith("${") && part.endsWith("}") ? "filled" : kind, text: part }));
}
