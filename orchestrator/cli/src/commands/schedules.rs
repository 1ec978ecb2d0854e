//! Commands about instants: `schedule`, `simulate`. Neither needs a server and neither runs anything; both show what the
//! scheduler would do. To show something more of a firing: a key of `firing_json`, a word in `note`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{BufWriter, Write};

use daybreak_core::{Firing, Firings, LocalTime, ScheduleCompiler, Walk};
use daybreak_protocol::PauseView;
use daybreak_spec::{DiagnosticReport, Name, Project, ScheduleRules, Style, Timestamp, did_you_mean};
use serde_json::{Value as Json, json};

use crate::arguments::{Schedule, Simulate};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::real_now;
use crate::output;
use crate::table;

/// The firings of DAGs, with their names.
type Compiled = Vec<(Name, Firings)>;

/// Reads the project's files; its data need not be there.
fn read(home: &Home) -> Outcome<Project> {
    let loaded = daybreak_spec::load(&home.project).map_err(Failure::configuration)?;
    let report = DiagnosticReport::new(loaded.problems.clone(), &loaded.files);
    if report.errors() > 0 {
        output::aside(report.render(Style::Plain).trim_end());
        return Err(Failure::silent(1));
    }
    Ok(loaded.project)
}

/// The schedules of one DAG or of all.
fn compile(home: &Home, wanted: Option<&str>) -> Outcome<(Project, Compiled)> {
    let project = read(home)?;
    if let Some(dag) = wanted.filter(|dag| !project.dags.contains_key(*dag)) {
        let names: Vec<&str> = project.dags.keys().map(Name::as_str).collect();
        let hint = match did_you_mean(dag, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has: {}", names.join(", ")),
        };
        return Err(Failure::usage(format!("the project has no DAG `{dag}`; {hint}")));
    }
    let mut compiler = ScheduleCompiler::of(&project);
    let mut compiled = Vec::new();
    for (name, dag) in project.dags.iter().filter(|(name, _)| wanted.is_none_or(|wanted| name.as_str() == wanted)) {
        let firings = compiler.firings(name, dag).map_err(|problems| {
            let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
            Failure::failed(format!("DAG `{name}` cannot be scheduled: {}; see `daybreak check`", messages.join("; ")))
        })?;
        compiled.push((name.clone(), firings));
    }
    Ok((project, compiled))
}

/// One row of `schedule`.
struct Row {
    firing: Firing,
    local: Option<LocalTime>,
    excluded: bool,
}

/// `daybreak schedule`
pub async fn schedule(arguments: &Schedule) -> Outcome {
    let home = Home::of(&arguments.project.directory)?;
    let (project, compiled) = compile(&home, Some(&arguments.dag))?;
    let Some((name, firings)) = compiled.first() else { return Ok(()) };
    let from = arguments.from.unwrap_or_else(real_now);
    let rows = rows(firings, from, arguments);
    let paused = super::dags::pause_of(&home, name).await;
    if arguments.project.json {
        let declared = project.dags[name].schedules.iter();
        let schedules: Vec<Json> = declared.map(schedule_json).collect();
        let shown: Vec<Json> = rows.iter().map(|row| row_json(firings, row)).collect();
        let json = json!({ "dag": name, "paused": paused, "schedules": schedules, "firings": shown });
        output::line(format_args!("{json:#}"))?;
    } else {
        output::text(people(&project, (name, firings), &rows, paused.as_ref()))?;
    }
    Ok(())
}

fn rows(firings: &Firings, from: Timestamp, arguments: &Schedule) -> Vec<Row> {
    let after = from.plus_micros(-1);
    let every = firings.on_every_date();
    let walk = if arguments.all { every.walk(after) } else { firings.walk(after) };
    let row = |firing: Firing| {
        let fires = |place: &usize| firings.schedules()[*place].fires_on_date_of(firing.at);
        let excluded = !firing.schedules.iter().any(fires);
        let mut firing = firing;
        if !excluded {
            firing.schedules.retain(|place| firings.schedules()[*place].fires_on_date_of(firing.at));
        }
        firing.window_start = firings.previous_before(firing.at);
        let local = firing.schedules.first().and_then(|place| firings.schedules()[*place].local(firing.at));
        Row { firing, local, excluded }
    };
    walk.take(arguments.next as usize).map(row).collect()
}

fn people(project: &Project, (name, firings): (&Name, &Firings), rows: &[Row], paused: Option<&PauseView>) -> String {
    let mut text = String::new();
    let declared = &project.dags[name].schedules;
    if declared.is_empty() {
        return format!("{name} runs by hand only: it has no schedule\n");
    }
    for (number, schedule) in (1..).zip(declared) {
        let label = if declared.len() > 1 { format!("{name}, schedule {number}") } else { name.to_string() };
        let rules = ScheduleRules::from(schedule).to_string();
        let rules = if rules.is_empty() { rules } else { format!("; {rules}") };
        text.push_str(&format!("{label}: `{}` in {}{rules}\n", schedule.cron.value, schedule.timezone.value));
    }
    if let Some(pause) = paused {
        text.push_str(&format!("{}; nothing below starts until `daybreak resume {name}`\n", super::dags::words(pause)));
    }
    text.push('\n');
    if rows.is_empty() {
        text.push_str("no firing from there on\n");
        return text;
    }
    let several = declared.len() > 1;
    let jitter = declared.iter().any(|schedule| schedule.jitter.is_some());
    let mut header = vec!["local time", "zone", "UTC", "window since"];
    header.extend(several.then_some("schedule"));
    header.extend(jitter.then_some("starts"));
    header.push("note");
    let cells = |row: &Row| {
        let firing = &row.firing;
        let zone = firing.schedules.first().map(|place| firings.schedules()[*place].zone().name());
        let mut cells = vec![
            row.local.as_ref().map(local_words).unwrap_or_default(),
            zone.unwrap_or_default().to_owned(),
            firing.at.to_string(),
            if row.excluded { "-".to_owned() } else { window_words(firing) },
        ];
        let places: Vec<String> = firing.schedules.iter().map(|place| (place + 1).to_string()).collect();
        cells.extend(several.then(|| places.join(" and ")));
        cells.extend(jitter.then(|| if row.excluded { "-".to_owned() } else { seconds(firing.starts_at) }));
        cells.push(note(row));
        cells
    };
    text.push_str(&table::render(&header, &rows.iter().map(cells).collect::<Vec<_>>()));
    text
}

fn window_words(firing: &Firing) -> String {
    firing.window_start.map_or_else(|| "no firing before".to_owned(), |start| start.to_string())
}

/// To the second: for people.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_micros(at.micros.div_euclid(1_000_000) * 1_000_000).to_string()
}

/// `2026-03-08 03:00:00 -04:00`
fn local_words(local: &LocalTime) -> String {
    format!("{} {}", local.reading.format("%Y-%m-%d %H:%M:%S"), offset_words(local.offset_s))
}

fn offset_words(offset_s: i64) -> String {
    let (sign, size) = (if offset_s < 0 { '-' } else { '+' }, offset_s.abs());
    let plain = format!("{sign}{:02}:{:02}", size / 3_600, size / 60 % 60);
    if size % 60 == 0 { plain } else { format!("{plain}:{:02}", size % 60) }
}

/// What is special about a firing.
fn note(row: &Row) -> String {
    let mut words = Vec::new();
    if row.excluded {
        words.push("left out by its date".to_owned());
    }
    if let Some(local) = &row.local {
        if let Some(change) = local.change {
            let kind = if change.by_s > 0 { "gap day" } else { "overlap day" };
            words.push(format!(
                "{kind}: clocks go from {} to {}",
                change.from.format("%H:%M"),
                change.to.format("%H:%M")
            ));
        }
        if local.after_gap {
            words.push("its time does not exist, it runs right after the gap".to_owned());
        }
        match local.pass {
            Some(1) => words.push("first of two passes".to_owned()),
            Some(_) => words.push("second of two passes".to_owned()),
            None => {}
        }
    }
    if row.firing.schedules.len() > 1 {
        words.push("one run".to_owned());
    }
    words.join("; ")
}

fn schedule_json(schedule: &daybreak_spec::Schedule) -> Json {
    let mut json = json!(ScheduleRules::from(schedule));
    json["cron"] = schedule.cron.value.clone().into();
    json["timezone"] = schedule.timezone.value.clone().into();
    json
}

fn row_json(firings: &Firings, row: &Row) -> Json {
    let mut json = firing_json(firings, &row.firing, row.local.as_ref());
    json["excluded"] = row.excluded.into();
    if row.excluded {
        json["starts_at"] = Json::Null;
    }
    json
}

fn firing_json(firings: &Firings, firing: &Firing, local: Option<&LocalTime>) -> Json {
    let zone = firing.schedules.first().map(|place| firings.schedules()[*place].zone().name());
    json!({
        "at": firing.at,
        "local": local.map(|local| format!("{}{}", local.reading.format("%Y-%m-%dT%H:%M:%S"), offset_words(local.offset_s))),
        "timezone": zone,
        "window_start": firing.window_start,
        "starts_at": firing.starts_at,
        "schedules": firing.schedules,
        "day": local.and_then(|local| local.change).map(|change| if change.by_s > 0 { "gap" } else { "overlap" }),
        "after_gap": local.is_some_and(|local| local.after_gap),
        "pass": local.and_then(|local| local.pass),
    })
}

/// `daybreak simulate`
pub fn simulate(arguments: &Simulate) -> Outcome {
    if arguments.to <= arguments.from {
        return Err(Failure::usage(format!("--to {} is not after --from {}", arguments.to, arguments.from)));
    }
    let home = Home::of(&arguments.project.directory)?;
    let (_, compiled) = compile(&home, arguments.dag.as_deref())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    print_period(&compiled, arguments, &mut out).and_then(|()| out.flush()).map_err(|error| output::unwritten(&error))
}

/// Every firing in `[from, to)` in order of time; keeps one instant per schedule.
fn print_period(compiled: &Compiled, arguments: &Simulate, out: &mut impl Write) -> std::io::Result<()> {
    let (from, to, json) = (arguments.from, arguments.to, arguments.project.json);
    let mut walks: Vec<Walk<'_>> = compiled.iter().map(|(_, firings)| firings.walk(from.plus_micros(-1))).collect();
    let instants = walks.iter().enumerate().filter_map(|(place, walk)| Some(Reverse((walk.peek()?, place))));
    let mut queue: BinaryHeap<_> = instants.collect();
    let mut counts: BTreeMap<&str, u64> = compiled.iter().map(|(name, _)| (name.as_str(), 0)).collect();
    if json {
        write!(out, "{{\"from\": \"{from}\", \"to\": \"{to}\", \"firings\": [")?;
    }
    let mut total = 0_u64;
    while let Some(Reverse((at, place))) = queue.pop() {
        if at >= to {
            break;
        }
        let (name, firings) = &compiled[place];
        let Some(firing) = walks[place].next() else { continue };
        let local = firing.schedules.first().and_then(|place| firings.schedules()[*place].local(at));
        if json {
            let mut object = firing_json(firings, &firing, local.as_ref());
            object["dag"] = name.as_str().into();
            write!(out, "{}\n{object}", if total == 0 { "" } else { "," })?;
        } else {
            let row = Row { firing, local, excluded: false };
            let shown = row.local.as_ref().map(local_words).unwrap_or_default();
            writeln!(out, "{at}  {name}  {shown}  since {}  {}", window_words(&row.firing), note(&row))?;
        }
        *counts.entry(name.as_str()).or_default() += 1;
        total += 1;
        queue.extend(walks[place].peek().map(|next| Reverse((next, place))));
    }
    if json {
        return writeln!(out, "\n], \"counts\": {}, \"total\": {total}}}", json!(counts));
    }
    let rows: Vec<Vec<String>> =
        counts.iter().map(|(name, count)| vec![(*name).to_owned(), count.to_string()]).collect();
    write!(out, "\n{}", table::render(&["dag", "firings"], &rows))?;
    writeln!(out, "{total} firings of {} DAGs from {from} to {to}", compiled.len())
}
