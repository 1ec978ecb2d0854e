// Who this is, with which token and role, and the way out.
import { Button } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import { useSession } from "../../api/session";
import { ownZone } from "../../format/time";
import { Copied } from "../../parts/copied";
import { Facts } from "../../parts/facts";
import { Card } from "../../parts/page";
import { ROLES } from "./roles";

export function OwnSession() {
  const { me, signOut } = useSession();
  const actions = <Button size="xs" variant="default" leftSection={<IconLogout size={14} aria-hidden />} onClick={signOut}>Sign out</Button>;
  return (
    <Card title="You" actions={actions}>
      <Facts facts={[
        ["Signed in as", me.name],
        ["Role", <><b>{me.role}</b>: {ROLES[me.role]}</>],
        ["Token", me.token_id == null ? "the project's own" : <Copied text={me.token_id} />],
        ["Project", me.project],
        ["Server", `Daybreak ${me.server_version}`],
        ["Your zone", ownZone()],
      ]} />
    </Card>
  );
}
