// What is wrong with the files, one by one, each with its place and what to write instead.
import { Alert, Anchor, Code, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Schema } from "../../api/types";
import { Card } from "../../parts/page";
import { Sign } from "../../parts/sign";
import { Words } from "../../parts/words";

type Fault = Schema<"Fault">;

export function Faults({ project: { problems, faults = [] } }: { project: Schema<"ProjectView"> }) {
  if (problems == null && faults.length === 0) return null;
  if (faults.length === 0) return <Alert color="red" title="The files have problems; the live version stays"><Code block>{problems}</Code></Alert>;
  const errors = faults.filter(({ severity }) => severity === "error");
  const warnings = faults.filter(({ severity }) => severity !== "error");
  const counts = [counted(errors.length, "error"), counted(warnings.length, "warning")].filter((words) => words !== null).join(" and ");
  const title = `${counts} in the files${errors.length > 0 ? "; the live version stays" : ""}`;
  return (
    <Card title={title} flush>
      <ul className="faults">
        {[...errors, ...warnings].map((fault, place) => <li key={place}><OneFault fault={fault} /></li>)}
      </ul>
    </Card>
  );
}

function counted(many: number, word: string): string | null {
  return many === 0 ? null : `${many} ${word}${many === 1 ? "" : "s"}`;
}

function OneFault({ fault: { severity, message, file, line, column, help, code } }: { fault: Fault }) {
  const place = [file, line, column].filter((part) => part != null).join(":");
  return (
    <>
      <div className="fault-head">
        <Sign tone={severity === "error" ? "bad" : "warn"}>{severity}</Sign>
        {file != null && <Anchor component={Link} to={`/project?file=${encodeURIComponent(file)}${line == null ? "" : `&line=${line}`}`} className="mono">{place}</Anchor>}
        <span className="mono muted">{code}</span>
      </div>
      <Text size="sm"><Words text={message} /></Text>
      {help != null && <Text size="sm" c="dimmed"><Words text={help} /></Text>}
    </>
  );
}
