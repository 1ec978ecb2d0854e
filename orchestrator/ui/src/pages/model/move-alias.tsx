// Lets an alias point at another version, by hand: asks why, and shows what changes. Refused if the alias has moved since it
// was looked at.
import { Autocomplete, Skeleton, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { Confirm } from "../../parts/confirm";
import { ErrorView } from "../../parts/error-view";
import { Compare } from "./compare";
import { type Model, useVersion } from "./use-model";

interface Props {
  model: Model;
  version: number;
  /** The alias that is to move; none: one is chosen. */
  alias?: string;
  opened: boolean;
  onClose: () => void;
}

/** What an alias may be called. */
const ALIAS = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export function MoveAlias({ model, version: asked, alias: fixed, opened, onClose }: Props) {
  // What it says and expects stays as it was when it opened: the server refuses if somebody has moved the alias since.
  const [about, setAbout] = useState({ opened, version: asked, aliases: model.aliases });
  if (opened !== about.opened) setAbout(opened ? { opened, version: asked, aliases: model.aliases } : { ...about, opened });
  const { version, aliases } = about;
  const [chosen, setChosen] = useState("champion");
  const alias = fixed ?? chosen;
  const now = aliases[alias];
  const queries = useQueryClient();
  const from = useVersion(model.name, opened ? now : null);
  const to = useVersion(model.name, opened ? version : null);
  const back = now !== undefined && version < now;

  async function act(reason: string): Promise<void> {
    const body = { version, reason, ...(now === undefined ? {} : { expected: now }) };
    await ask(api.POST("/api/v1/models/{model}/aliases/{alias}", { params: { path: { model: model.name, alias } }, body }));
    await Promise.all([["models"], ["audit"], ["active"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    notifications.show({ message: `${alias} of ${model.name} is version ${version} now` });
  }

  const verb = back ? "Roll back" : "Promote";
  const error = from.error ?? to.error;
  return (
    <Confirm opened={opened} onClose={onClose} title={`${verb} ${model.name} to version ${version}`} verb={verb} danger={back} reason="required" wide disabled={to.data === undefined || now === version || !ALIAS.test(alias)} act={act}>
      {fixed === undefined && (
        <Autocomplete
          label="Alias"
          description="The endpoint answers with the champion"
          data={[...new Set(["champion", "challenger", ...Object.keys(aliases)])]}
          value={chosen}
          onChange={setChosen}
          error={ALIAS.test(alias) ? null : "Small letters, digits, - and _"}
        />
      )}
      <Text size="sm">
        {now === undefined ? <><b>{alias}</b> points at no version yet; it will point at <b>version {version}</b>.</>
          : now === version ? <><b>{alias}</b> points at version {version} already.</>
          : <><b>{alias}</b> moves from version {now} to <b>version {version}</b>.</>}
        {alias === "champion" && now !== version && " Endpoints answer with it as soon as they have loaded it; until then with the one before."}
      </Text>
      {error !== null && <ErrorView error={error} />}
      {to.data === undefined || (now !== undefined && from.data === undefined) ? <Skeleton height={140} role="status" aria-label="Loading" /> : now !== version && <Compare from={now === undefined ? null : (from.data ?? null)} to={to.data} />}
    </Confirm>
  );
}
