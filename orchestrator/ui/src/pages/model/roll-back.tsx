// Points the champion back at the version it pointed at before; a second time, at the one before that.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconArrowBackUp } from "@tabler/icons-react";
import { MoveAlias } from "./move-alias";
import { type Model, useAllMoves } from "./use-model";
import { wentThrough } from "./went-through";

const ALIAS = "champion";

export function RollBack({ model }: { model: Model }) {
  const [opened, { open, close }] = useDisclosure();
  const moves = useAllMoves(model.name);
  const before = wentThrough(moves.data ?? [], ALIAS).at(-2);
  return (
    <>
      {before !== undefined && <Button variant="default" leftSection={<IconArrowBackUp size={16} aria-hidden />} onClick={open}>Roll back to v{before}</Button>}
      <MoveAlias model={model} version={before ?? 0} alias={ALIAS} opened={opened} onClose={close} />
    </>
  );
}
