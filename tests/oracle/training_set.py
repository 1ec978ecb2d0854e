"""Recomputes rows of an exported training set of the flights project from the raw Parquet files, in plain Python.

    python3 training_set.py PROJECT TRAINING_SET.parquet ROWS SEED

Knows nothing of Daybreak: the definitions of the project's views are written out again below. Every value has to be
equal to the bit. Exits 1 and prints the differences if any is not.
"""

import bisect
import datetime as dt
import glob
import random
import sys
import zoneinfo

import pyarrow.parquet as pq

UTC = dt.timezone.utc
ZONE = zoneinfo.ZoneInfo("America/New_York")
DAY = dt.timedelta(days=1)


def rows(pattern):
    out = []
    for path in sorted(glob.glob(pattern)):
        out.extend(pq.read_table(path).to_pylist())
    return out


def firing(day):
    """02:30 in New York on a local day; on the spring gap the first instant after it."""
    local = dt.datetime(day.year, day.month, day.day, 2, 30, tzinfo=ZONE)
    instant = local.astimezone(UTC)
    if instant.astimezone(ZONE).replace(tzinfo=None) != local.replace(tzinfo=None):
        return dt.datetime(day.year, day.month, day.day, 3, 0, tzinfo=ZONE).astimezone(UTC)
    return instant


def newest_firing(at):
    day = at.astimezone(ZONE).date()
    while firing(day) > at:
        day -= DAY
    return firing(day)


def mean(values):
    values = [int(value) for value in values if value is not None]
    return sum(values) / len(values) if values else None


def p90(values):
    values = sorted(value for value in values if value is not None)
    if not values:
        return None
    low, hundredths = divmod(90 * (len(values) - 1), 100)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (hundredths / 100)


def late(flight):
    return None if flight["arr_delay"] is None else flight["arr_delay"] > 15


class Project:
    def __init__(self, folder):
        flights = rows(f"{folder}/data/flights-2013-*.parquet")
        self.departures = flights
        landed = [flight for flight in flights if flight["arr_at"] is not None]
        self.arrivals = sorted(landed, key=lambda flight: flight["arr_at"])
        self.scheduled_at = sorted(flight["sched_dep_at"] for flight in flights)
        self.landed_at = [flight["arr_at"] for flight in self.arrivals]
        self.weather = {}
        for row in rows(f"{folder}/data/weather-2013.parquet"):
            self.weather.setdefault(row["origin"], []).append(row)
        self.planes = {plane["tailnum"]: plane for plane in rows(f"{folder}/data/planes.parquet")}

    def window(self, at, days, **keys):
        """Arrivals in [at - days, at) of these keys. A build has a row for a key seen in its longest window."""
        begin, end = (bisect.bisect_left(self.landed_at, instant) for instant in (at - days * DAY, at))
        wanted = list(keys.items())
        return [flight for flight in self.arrivals[begin:end] if all(flight[key] == value for key, value in wanted)]

    def shares(self, role, at, spans, **keys):
        return {f"{role}__late_share_{days}d": mean(map(late, self.window(at, days, **keys))) for days in spans}

    def weather_at(self, origin, at, asked):
        earlier = [row for row in self.weather.get(origin, []) if row["observed_at"] < at]
        newest = max(earlier, key=lambda row: row["observed_at"], default=None)
        if newest is None or asked - newest["observed_at"] > dt.timedelta(hours=30):
            return {}
        return newest

    def features(self, flight):
        asked = flight["sched_dep_at"]
        at = newest_firing(asked)
        out = self.shares("carrier_punctuality", at, (1, 7, 28), carrier=flight["carrier"])
        month = self.window(at, 28, carrier=flight["carrier"])
        week = [row["arr_delay"] for row in month if row["arr_at"] >= at - 7 * DAY]
        out["carrier_punctuality__arr_delay_mean_7d"] = mean(week)
        out["carrier_punctuality__arr_delay_p90_7d"] = p90(week)
        known = sum(value is not None for value in week)
        out["carrier_punctuality__arr_delay_count_7d"] = known if month else None
        out |= self.shares("airport_punctuality", at, (1, 7, 28), origin=flight["origin"])
        route = {"origin": flight["origin"], "dest": flight["dest"]}
        out |= self.shares("route_punctuality", at, (7, 28), **route)
        out["route_punctuality__arr_delay_mean_28d"] = mean(row["arr_delay"] for row in self.window(at, 28, **route))
        hour = {"origin": flight["origin"], "sched_hour": flight["sched_hour"]}
        out |= self.shares("hour_punctuality", at, (7, 28), **hour)
        aircraft = self.window(at, 28, tailnum=flight["tailnum"]) if flight["tailnum"] is not None else []
        for days in (7, 28):
            recent = [row for row in aircraft if row["arr_at"] >= at - days * DAY]
            out[f"aircraft_punctuality__late_share_{days}d"] = mean(map(late, recent))
        here = self.weather_at(flight["origin"], at, asked)
        for column in ("temp", "wind_speed", "precip", "visib", "pressure"):
            out[f"airport_weather__{column}"] = here.get(column)
        out["dest_weather__visib"] = self.weather_at(flight["dest"], at, asked).get("visib")
        plane = self.planes.get(flight["tailnum"]) or {}
        out["plane_facts__seats"] = plane.get("seats")
        built = plane.get("year_built")
        out["plane_facts__age"] = None if built is None else 2013 - built
        scheduled = bisect.bisect_left(self.scheduled_at, at) - bisect.bisect_left(self.scheduled_at, at - DAY)
        out["network__flight_id_count_1d"] = scheduled
        return out


def main():
    folder, exported, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    project = Project(folder)
    table = pq.read_table(exported).to_pylist()
    assert table, "the training set is empty"
    names = ("carrier", "origin", "dest", "tailnum", "sched_hour", "distance")
    by_row = {}
    for flight in project.departures:
        key = (flight["sched_dep_at"], *(flight[name] for name in names))
        by_row.setdefault(key, []).append(flight)
    wrong = 0
    for row in random.Random(seed).sample(table, min(count, len(table))):
        event = row["event_time"]
        event = event if event.tzinfo else event.replace(tzinfo=UTC)
        flights = by_row[(event, *(row[name] for name in names))]
        expected = project.features(flights[0])
        for name, value in expected.items():
            if name not in row or row[name] != value:
                wrong += 1
                print(f"{event} {flights[0]['carrier']}{flights[0]['flight']} {name}: {row.get(name, 'absent')!r}, expected {value!r}")
        if bool(row["label"]) not in {late(flight) for flight in flights}:
            wrong += 1
            print(f"{event} label: {row['label']!r}")
    print(f"{min(count, len(table))} rows of {len(table)} compared, {wrong} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
