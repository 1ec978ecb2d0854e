// Two versions side by side: metrics with what becomes better or worse, instants, rows.
import type { ReactNode } from "react";
import { judged } from "../../format/metrics";
import { metric } from "../../format/number";
import { Time } from "../../parts/time";
import type { Version } from "./use-model";

export function Compare({ from, to }: { from: Version | null; to: Version }) {
  const names = [...new Set([...Object.keys(from?.metrics ?? {}), ...Object.keys(to.metrics)])];
  return (
    <table className="compare">
      <thead>
        <tr><th scope="col">Metric</th>{from !== null && <th scope="col">v{from.version}, now</th>}<th scope="col">v{to.version}</th>{from !== null && <th scope="col">Difference</th>}</tr>
      </thead>
      <tbody>
        {names.map((name) => {
          const [before, after] = [from?.metrics[name], to.metrics[name]];
          return (
            <Row key={name} word={name} two={from !== null} before={number(before)} after={number(after)}>
              {before !== undefined && after !== undefined && <Difference name={name} before={before} after={after} />}
            </Row>
          );
        })}
        <Row word="As of" two={from !== null} before={<Time at={from?.as_of} />} after={<Time at={to.as_of} />} />
        <Row word="Rows" two={from !== null} before={from?.rows.toLocaleString("en")} after={to.rows.toLocaleString("en")} />
      </tbody>
    </table>
  );
}

function Row({ word, two, before, after, children }: { word: string; two: boolean; before: ReactNode; after: ReactNode; children?: ReactNode }) {
  return <tr><th scope="row">{word}</th>{two && <td>{before}</td>}<td>{after}</td>{two && <td>{children}</td>}</tr>;
}

export function Difference({ name, before, after }: { name: string; before: number; after: number }) {
  const judgement = judged(name, before, after);
  const sign = after > before ? "+" : after < before ? "−" : "±";
  return <span className={judgement ?? "same"}>{sign}{metric(Math.abs(after - before))}{judgement !== null && judgement !== "same" && ` ${judgement}`}</span>;
}

function number(value: number | undefined): string {
  return value === undefined ? "–" : metric(value);
}
