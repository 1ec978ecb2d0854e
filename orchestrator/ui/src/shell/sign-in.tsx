// Asks for a token.
import { Alert, Button, Checkbox, Code, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../api/client";
import type { SignIn } from "../api/session";
import logo from "../daybreak.svg";

export function SignInPage({ expired, signIn }: SignIn) {
  const [given, setGiven] = useState("");
  const [stay, setStay] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await signIn(given.trim(), stay);
    } catch (error) {
      setProblem(whyNot(error));
      setBusy(false);
    }
  }

  return (
    <main className="page-center">
      <Paper component="form" onSubmit={send} withBorder p="xl" radius="lg" w="min(26rem, 100%)">
        <Stack>
          <div className="brand"><img src={logo} width={36} height={36} alt="" /><Title order={1}>Daybreak</Title></div>
          {expired && <Alert color="orange" title="Signed out">The token is not good any more: it has expired or was taken back. Nothing that runs is touched by that.</Alert>}
          <PasswordInput
            label="Token"
            description={<>Print the project's own with <Code>daybreak token</Code>, in its folder.</>}
            value={given}
            onChange={(event) => setGiven(event.currentTarget.value)}
            error={problem}
            autoComplete="current-password"
            required
            data-autofocus
            autoFocus
          />
          <Checkbox label="Stay signed in with this browser" checked={stay} onChange={(event) => setStay(event.currentTarget.checked)} />
          <Button type="submit" loading={busy} disabled={given.trim() === ""}>Sign in</Button>
          <Text size="sm" c="dimmed">
            Somebody who may make tokens gives you one under Settings, with the role that you need.
          </Text>
        </Stack>
      </Paper>
    </main>
  );
}

function whyNot(error: unknown): string {
  if (!(error instanceof ApiError)) return "That is no token: it has signs that no token has.";
  if (error.status === 401) return "This token is not good: it is mistyped, has expired or was taken back.";
  if (error.status === 403) return "This token is for programs: it may not look at pages. Ask for one with the role viewer or higher.";
  return error.message;
}
