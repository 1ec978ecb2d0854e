// Who is signed in and how the page looks; for admins the tokens of everybody.
import { Text } from "@mantine/core";
import { useSession } from "../../api/session";
import { Card, Page } from "../../parts/page";
import { Appearance } from "./appearance";
import { OwnSession } from "./own-session";
import { Tokens } from "./tokens";

export default function Settings() {
  const { may } = useSession();
  return (
    <Page title="Settings">
      <OwnSession />
      <Appearance />
      {may("admin") ? <Tokens /> : <Card title="Tokens"><Text size="sm" c="dimmed">Admins make tokens and take them back. Ask one if you need another role.</Text></Card>}
    </Page>
  );
}
