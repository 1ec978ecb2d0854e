// The frame around every page: navigation, who is signed in, whether changes arrive, and what the clock says.
import { ActionIcon, AppShell, Badge, Burger, Group, Menu, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconLogout, IconMoon, IconSun, IconUser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link, Outlet, useLocation } from "react-router";
import { api, ask } from "../api/client";
import { useConnected } from "../api/live";
import { EVERY_MINUTE_MS } from "../api/queries";
import { useSession } from "../api/session";
import logo from "../daybreak.svg";
import { Time } from "../parts/time";
import { Navigation } from "./navigation";

export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const { me } = useSession();
  return (
    <>
      <a className="skip-link" href="#main">Skip to the page</a>
      <AppShell header={{ height: 52 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={{ base: "sm", sm: "lg" }}>
        <AppShell.Header px="md">
          <Group h="100%" justify="space-between" wrap="nowrap" gap="sm">
            <Group gap="sm" wrap="nowrap" miw={0}>
              <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={opened ? "Close navigation" : "Open navigation"} />
              <Link to="/" className="brand" aria-label="Daybreak, home">
                <img src={logo} width={26} height={26} alt="" />
                <Text fw={700} visibleFrom="xs">Daybreak</Text>
              </Link>
              <Text c="dimmed" className="clip" title={me.project}>{me.project}</Text>
            </Group>
            <Group gap="xs" wrap="nowrap">
              <BusinessTime />
              <ConnectionSign />
              <ColorScheme />
              <Account />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" aria-label="Pages"><Navigation onGo={close} /></AppShell.Navbar>
        <AppShell.Main><Page /></AppShell.Main>
      </AppShell>
    </>
  );
}

/** The page, and the keyboard's place at its beginning when another one is shown. */
function Page() {
  const { pathname } = useLocation();
  const main = useRef<HTMLDivElement>(null);
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return <div id="main" ref={main} tabIndex={-1} className="page"><Outlet /></div>;
}

/** Shown where business time is simulated: what is late or stale is judged by it. */
function BusinessTime() {
  const clock = useQuery({ queryKey: ["clock"], queryFn: () => ask(api.GET("/api/v1/clock")), refetchInterval: EVERY_MINUTE_MS });
  if (clock.data?.simulated !== true) return null;
  return (
    <Badge variant="light" color="orange" tt="none" visibleFrom="sm" title="Business time stands still until it is moved on">
      simulated: <Time at={clock.data.business_now} />
    </Badge>
  );
}

function ConnectionSign() {
  const connected = useConnected();
  return (
    <span role="status">
      {connected ? null : <Badge color="red" variant="filled" tt="none">no connection, trying again</Badge>}
    </span>
  );
}

function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const label = dark ? "Light colours" : "Dark colours";
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={() => setColorScheme(dark ? "light" : "dark")}>
      {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}

function Account() {
  const { me, signOut } = useSession();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Signed in as ${me.name}, ${me.role}`}><IconUser size={18} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.name} · {me.role}</Menu.Label>
        <Menu.Label>Daybreak {me.server_version}</Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
