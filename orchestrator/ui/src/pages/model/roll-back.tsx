// Points the champion back at the version it pointed at before.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconArrowBackUp } from "@tabler/icons-react";
import { MoveAlias } from "./move-alias";
import { type Model, useMoves } from "./use-model";

const ALIAS = "champion";

export function RollBack({ model }: { model: Model }) {
  const [opened, { open, close }] = useDisclosure();
  const moves = useMoves(model.name);
  const last = moves.data?.pages.flatMap((page) => page.moves).find(({ alias }) => alias === ALIAS);
  if (last?.from == null) return null;
  return (
    <>
      <Button variant="default" leftSection={<IconArrowBackUp size={16} aria-hidden />} onClick={open}>Roll back to v{last.from}</Button>
      <MoveAlias model={model} version={last.from} alias={ALIAS} opened={opened} onClose={close} />
    </>
  );
}
