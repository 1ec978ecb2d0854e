// The calendar: weeks as rows and days as columns; on a narrow screen the days one below another.
import { Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useAddress } from "../../parts/address";
import { ChangeBadge, Firings } from "./day-cell";
import { dayNumber, dayWords, plusDays, WEEKS } from "./days";
import type { Calendar } from "./use-calendar";

interface Props {
  calendar: Calendar;
  first: string;
  today: string;
}

/** DAGs in a cell. */
const MOST = 5;
const NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export function Weeks(props: Props) {
  const narrow = useMediaQuery("(max-width: 48em)") ?? false;
  return narrow ? <DayList {...props} /> : <WeekTable {...props} />;
}

function WeekTable({ calendar, first, today }: Props) {
  const [address, choose] = useAddress();
  const chosen = address.get("day");
  return (
    <table className="weeks">
      <thead><tr>{NAMES.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
      <tbody>
        {Array.from({ length: WEEKS }, (_, week) => (
          <tr key={week}>
            {NAMES.map((name, place) => {
              const day = plusDays(first, week * 7 + place);
              const found = calendar.days.get(day);
              const className = [day === today && "day-today", day < today && "day-past", day === chosen && "day-chosen"].filter(Boolean).join(" ");
              return (
                <td key={name} className={className}>
                  <div className="day-head">
                    <button type="button" className="day-number" aria-pressed={day === chosen} aria-label={`${dayWords(day)}${day === today ? ", today" : ""}: all firings`} onClick={() => choose({ day: day === chosen ? null : day })}>
                      {dayNumber(day, week === 0 && place === 0)}
                    </button>
                    <ChangeBadge changes={found?.changes ?? []} />
                  </div>
                  <Firings day={found} most={MOST} />
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function DayList({ calendar, first, today }: Props) {
  const days = Array.from({ length: WEEKS * 7 }, (_, place) => plusDays(first, place)).filter((day) => {
    const found = calendar.days.get(day);
    return found !== undefined && (found.groups.length > 0 || found.changes.length > 0);
  });
  if (days.length === 0) return <Text p="md" size="sm" c="dimmed">Nothing fires in these weeks.</Text>;
  return (
    <ol className="day-list">
      {days.map((day) => (
        <li key={day} className={day === today ? "day-today" : day < today ? "day-past" : ""}>
          <div className="day-head"><h3>{dayWords(day)}{day === today && " · today"}</h3><ChangeBadge changes={calendar.days.get(day)?.changes ?? []} /></div>
          <Firings day={calendar.days.get(day)} />
        </li>
      ))}
    </ol>
  );
}
