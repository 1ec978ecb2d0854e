// Words of the server for people: what stands between back quotes is a name or a command, an instant is shown as one, and
// the id of a run is a way to it.
import { Anchor, Code } from "@mantine/core";
import { Fragment } from "react";
import { Link } from "react-router";
import { Time } from "./time";

const PIECES = /(`[^`]+`|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\brun [0-7][0-9A-HJKMNP-TV-Z]{25}\b)/;

export function Words({ text, zone }: { text: string; zone?: string | undefined }) {
  return text.split(PIECES).map((piece, place) => {
    if (place % 2 === 0) return <Fragment key={place}>{piece}</Fragment>;
    if (piece.startsWith("`")) return <Code key={place}>{piece.slice(1, -1)}</Code>;
    if (piece.startsWith("run ")) return <Fragment key={place}>run <Anchor component={Link} className="mono" to={`/runs/${piece.slice(4)}`}>{piece.slice(4)}</Anchor></Fragment>;
    return <Time key={place} at={piece} {...(zone === undefined ? {} : { zone })} />;
  });
}
