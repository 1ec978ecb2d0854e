// Where one can go. To add a place: a line in `PLACES`.
import { NavLink } from "@mantine/core";
import {
  IconBolt, IconCalendar, IconChartDots3, IconCube, IconFileCode, IconHistory, IconHome, IconListDetails, IconRepeat, IconServer, IconSettings,
  IconStack2, type IconProps,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { NavLink as RouterLink, useLocation } from "react-router";

interface Place {
  to: string;
  word: string;
  icon: ComponentType<IconProps>;
}

const PLACES: { title: string | null; places: Place[] }[] = [
  { title: null, places: [{ to: "/", word: "Home", icon: IconHome }] },
  {
    title: "Run",
    places: [
      { to: "/dags", word: "DAGs", icon: IconChartDots3 },
      { to: "/runs", word: "Runs", icon: IconListDetails },
      { to: "/backfills", word: "Backfills", icon: IconRepeat },
      { to: "/schedules", word: "Schedules", icon: IconCalendar },
    ],
  },
  {
    title: "Learn and serve",
    places: [
      { to: "/features", word: "Features", icon: IconStack2 },
      { to: "/models", word: "Models", icon: IconCube },
      { to: "/predict", word: "Predict", icon: IconBolt },
    ],
  },
  {
    title: "Operate",
    places: [
      { to: "/workers", word: "Workers and queues", icon: IconServer },
      { to: "/project", word: "Project", icon: IconFileCode },
      { to: "/audit", word: "Audit", icon: IconHistory },
      { to: "/settings", word: "Settings", icon: IconSettings },
    ],
  },
];

export function Navigation({ onGo }: { onGo: () => void }) {
  const { pathname } = useLocation();
  const here = (to: string) => (to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`));
  return PLACES.map(({ title, places }) => (
    <div key={title ?? "home"} role="group" aria-label={title ?? "Start"}>
      {title !== null && <div className="nav-title">{title}</div>}
      {places.map(({ to, word, icon: Icon }) => (
        <NavLink
          key={to}
          component={RouterLink}
          to={to}
          label={word}
          active={here(to)}
          leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
          onClick={onGo}
        />
      ))}
    </div>
  ));
}
