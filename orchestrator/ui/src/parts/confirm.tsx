// Asks before something is done that cannot be taken back, says what will happen, and asks why where that is kept. Shows what
// the server refuses, and stays open then.
import { Button, Group, Modal, Stack, Textarea } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { ErrorView } from "./error-view";

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen. */
  children?: ReactNode;
  /** The word on the button: a verb. */
  verb: string;
  danger?: boolean;
  /** Asks for a reason; `required` ones are asked for until there is one. */
  reason?: "none" | "optional" | "required";
  disabled?: boolean;
  /** There is a table to be shown. */
  wide?: boolean;
  act: (reason: string) => Promise<void>;
}

export function Confirm({ opened, onClose, title, children, verb, danger = false, reason = "none", disabled = false, wide = false, act }: Props) {
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  function close(): void {
    setError(null);
    setWhy("");
    onClose();
  }
  function leave(): void {
    // What has been asked for happens all the same; how it ended is said here.
    if (!busy) close();
  }
  async function go(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await act(why.trim());
      close();
    } catch (failed) {
      setError(failed instanceof Error ? failed : new Error(String(failed)));
    } finally {
      setBusy(false);
    }
  }

  const missing = reason === "required" && why.trim() === "";
  return (
    <Modal opened={opened} onClose={leave} title={title} size={wide ? "lg" : "md"} centered closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        {children}
        {reason !== "none" && (
          <Textarea
            label="Reason"
            description="Kept in the audit"
            required={reason === "required"}
            value={why}
            onChange={(event) => setWhy(event.currentTarget.value)}
            autosize
            minRows={2}
            maxLength={500}
            data-autofocus
          />
        )}
        {error !== null && <ErrorView error={error} />}
        <Group justify="flex-end">
          <Button variant="default" disabled={busy} onClick={leave}>Leave it</Button>
          <Button {...(danger ? { color: "red" } : {})} loading={busy} disabled={missing || disabled} onClick={() => void go()}>{verb}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
