// A few facts in columns: what each is called, small, and what it is. Those without a value are left out.
import type { ReactNode } from "react";
import "./facts.css";

export type Fact = [word: string, value: ReactNode];

export function Facts({ facts, narrow = false }: { facts: (Fact | null)[]; narrow?: boolean }) {
  return (
    <dl className={narrow ? "facts facts-narrow" : "facts"}>
      {facts.filter((fact) => fact !== null).map(([word, value]) => (
        <div key={word}><dt>{word}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}
