// Makes a token. It is shown once, here, to be copied; nobody can read it later.
import { Alert, Button, Code, CopyButton, Group, Modal, Radio, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "../../api/client";
import type { Role, Schema } from "../../api/types";
import { ErrorView } from "../../parts/error-view";
import { Time } from "../../parts/time";
import { ROLE_NAMES, ROLES } from "./roles";
import "./settings.css";

/** The server's rule for names. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const LASTS = [["1d", "a day"], ["7d", "a week"], ["30d", "30 days"], ["90d", "90 days"], ["180d", "half a year"], ["365d", "a year"]].map(([value = "", label = ""]) => ({ value, label }));

export function NewToken({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: (body: Schema<"TokenRequest">) => ask(api.POST("/api/v1/tokens", { body })),
    onSuccess: () => Promise.all([["tokens"], ["audit"]].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
  function close(): void {
    make.reset();
    onClose();
  }
  // A click beside the window must not lose a token that was not copied yet.
  const made = make.data !== undefined;
  return (
    <Modal opened={opened} onClose={close} title={made ? "The new token" : "New token"} centered closeOnClickOutside={!made} closeOnEscape={!made} closeButtonProps={{ "aria-label": "Close" }}>
      {make.data === undefined ? <TokenForm busy={make.isPending} error={make.error} onSend={(request) => make.mutate(request)} /> : <Made made={make.data} onClose={close} />}
    </Modal>
  );
}

interface FormProps {
  busy: boolean;
  error: Error | null;
  onSend: (request: Schema<"TokenRequest">) => void;
}

function TokenForm({ busy, error, onSend }: FormProps) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [lasts, setLasts] = useState("90d");
  const wrong = name !== "" && !NAME.test(name);
  function send(event: FormEvent): void {
    event.preventDefault();
    onSend({ name, role, expires_in: lasts });
  }
  return (
    <form onSubmit={send}>
      <Stack>
        <TextInput label="Name" description="Whose it is, or what it is for; the audit shows it" required value={name} onChange={(event) => setName(event.currentTarget.value)} error={wrong ? "Small letters, digits, - and _, at most 63" : null} maxLength={63} autoComplete="off" data-autofocus />
        <Radio.Group label="Role" value={role} onChange={(value) => setRole(ROLE_NAMES.find((each) => each === value) ?? "viewer")}>
          <Stack gap={6} mt={4}>{ROLE_NAMES.map((each) => <Radio key={each} value={each} label={each} description={ROLES[each]} size="sm" />)}</Stack>
        </Radio.Group>
        <Select label="Good for" data={LASTS} value={lasts} onChange={(value) => setLasts(value ?? "90d")} allowDeselect={false} />
        {error !== null && <ErrorView error={error} title="No token was made" />}
        <Group justify="flex-end"><Button type="submit" loading={busy} disabled={!NAME.test(name)}>Make it</Button></Group>
      </Stack>
    </form>
  );
}

function Made({ made: { name, role, token, expires_at }, onClose }: { made: Schema<"TokenMade">; onClose: () => void }) {
  return (
    <Stack>
      <Alert color="orange" title="Copy it now">It is shown this once. Keep it where secrets are kept, not in a file of the project.</Alert>
      <Text size="sm"><b>{name}</b>, role <b>{role}</b>, good until <Time at={expires_at} /></Text>
      <Code block className="token">{token}</Code>
      <Group justify="space-between">
        <CopyButton value={token}>
          {({ copied, copy }) => <Button leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />} onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}
        </CopyButton>
        <Button variant="default" onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
