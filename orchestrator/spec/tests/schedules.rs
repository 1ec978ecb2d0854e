//! Schedules and calendars: what their keys mean, where a calendar's file may lie, and where its wrong lines are.

use std::path::Path;

use daybreak_spec::{Calendar, DateSet, Dst, Gap, Loaded, Missed, Project, Repeat, Schedule, load, load_texts, render};

fn load_with(schedule: &str, trading: &str) -> Loaded {
    let text = format!(
        "version: 1\ncalendars:\n  holidays: [2027-01-01, 2026-12-25]\n  trading: {{ path: trading.txt }}\n\
         dags:\n  d:\n    schedule: {{ cron: \"0 3 * * *\", {schedule} }}\n    tasks: {{ t: {{ kind: noop }} }}\n"
    );
    load_texts(Path::new("/p"), [("daybreak.yaml".to_owned(), text), ("trading.txt".to_owned(), trading.to_owned())])
}

fn project(schedule: &str) -> Project {
    let loaded = load_with(schedule, "2026-11-27\n");
    assert_eq!(render(&loaded.problems, &loaded.files), "");
    loaded.project
}

fn schedule(text: &str) -> Schedule {
    project(text).dags["d"].schedules[0].clone()
}

fn dates(calendar: &Calendar) -> Vec<String> {
    calendar.dates.iter().map(ToString::to_string).collect()
}

#[test]
fn dst_says_what_a_fixed_time_does_where_clocks_jump() {
    assert_eq!(schedule("missed: none").dst(), Dst { gap: Gap::RunAfter, overlap: Repeat::First });
    assert_eq!(schedule("dst: { gap: skip }").dst(), Dst { gap: Gap::Skip, overlap: Repeat::First });
    assert_eq!(schedule("dst: { overlap: both }").dst(), Dst { gap: Gap::RunAfter, overlap: Repeat::Both });
    assert_eq!(schedule("dst: { gap: run_after, overlap: first }").dst(), Dst::default());
}

#[test]
fn missed_is_a_word_or_a_policy_with_a_cap() {
    let of = |text: &str| {
        let schedule = schedule(text);
        (schedule.missed, schedule.missed_cap)
    };
    assert_eq!(of("overlap: skip"), (Missed::None, None));
    assert_eq!(of("missed: last"), (Missed::Last, None));
    assert_eq!(of("missed: all"), (Missed::All, None));
    assert_eq!(of("missed: { policy: all, cap: 100 }"), (Missed::All, Some(100)));
    assert_eq!(of("missed: { policy: last }"), (Missed::Last, None));
}

#[test]
fn jitter_is_a_length_of_time_and_allow_frequent_a_flag() {
    let plain = schedule("missed: none");
    assert_eq!((plain.jitter, plain.allow_frequent), (None, false));
    let both = schedule("jitter: 5m, allow_frequent: true");
    assert_eq!((both.jitter.map(|jitter| jitter.micros), both.allow_frequent), (Some(300_000_000), true));
}

#[test]
fn dates_are_excluded_one_by_one_or_by_calendar() {
    let found = schedule("exclude: [2026-05-01, { calendar: holidays }], only: { calendar: trading }");
    let words = |sets: &[DateSet]| -> Vec<String> {
        let word = |set: &DateSet| match set {
            DateSet::Date(date) => date.value.to_string(),
            DateSet::Calendar(name) => format!("calendar {}", name.value),
        };
        sets.iter().map(word).collect()
    };
    assert_eq!(words(&found.exclude), ["2026-05-01", "calendar holidays"]);
    assert_eq!(words(&found.only), ["calendar trading"]);
    assert_eq!(words(&schedule("exclude: 2026-05-01").exclude), ["2026-05-01"]);
}

#[test]
fn a_calendar_is_a_list_or_a_file_of_one_date_per_line() {
    let text = "\u{feff}# NYSE, half days\r\n\r\n2026-12-24 # closes at one\r\n  2026-11-27\n";
    let loaded = load_with("only: { calendar: trading }", text);
    assert_eq!(render(&loaded.problems, &loaded.files), "");
    assert_eq!(dates(&loaded.project.calendars["trading"]), ["2026-11-27", "2026-12-24"]);
    assert_eq!(dates(&loaded.project.calendars["holidays"]), ["2026-12-25", "2027-01-01"]);
}

#[test]
fn a_wrong_line_of_a_calendar_is_pointed_at_in_its_own_file() {
    let loaded = load_with("only: { calendar: trading }", "2026-11-27\n  27.11.2026 # no\n2026-11-27\n");
    let found: Vec<_> = loaded
        .problems
        .iter()
        .map(|problem| (problem.code, loaded.files.path(problem.span.file), problem.span.line, problem.span.column))
        .collect();
    assert_eq!(found, [("bad_date", "trading.txt", 2, 3), ("duplicate_item", "trading.txt", 3, 1)]);
    assert_eq!(loaded.problems[0].span.length, 10);
    assert!(loaded.problems[0].hint.as_deref().is_some_and(|hint| hint.contains("2026-12-25")));
}

#[test]
fn a_file_full_of_wrong_lines_is_told_in_a_few_words() {
    let loaded = load_with("only: { calendar: trading }", &"BEGIN:VEVENT\n".repeat(5_000));
    assert_eq!(loaded.problems.len(), 21);
    assert!(loaded.problems.iter().any(|problem| problem.message.contains("4980 more lines")), "{:?}", loaded.problems);
    let empty = load_with("only: { calendar: trading }", "# nothing\n");
    assert_eq!(empty.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["empty_list"]);
}

#[test]
fn a_calendars_file_lies_in_the_project_or_below_a_data_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::tempdir().expect("another folder");
    std::fs::write(outside.path().join("days.txt"), "2026-12-25\n").expect("written");
    std::fs::create_dir(folder.path().join("calendars")).expect("made");
    std::fs::write(folder.path().join("calendars/days.txt"), "2026-12-26\n").expect("written");
    std::os::unix::fs::symlink(outside.path().join("days.txt"), folder.path().join("link.txt")).expect("linked");
    let absolute = outside.path().join("days.txt").display().to_string();
    let read = |path: &str, roots: &str| {
        let text = format!("version: 1\n{roots}calendars: {{ c: {{ path: \"{path}\" }} }}\n");
        std::fs::write(folder.path().join("daybreak.yaml"), text).expect("written");
        let loaded = load(folder.path()).expect("a project");
        let codes: Vec<&str> = loaded.problems.iter().map(|problem| problem.code).collect();
        (codes.join(" "), loaded.project.calendars.get("c").map(dates).unwrap_or_default())
    };
    assert_eq!(read("calendars/days.txt", ""), (String::new(), vec!["2026-12-26".to_owned()]));
    for path in [absolute.as_str(), "link.txt", "../../etc/passwd"] {
        let (codes, dates) = read(path, "");
        assert!(["path_outside_project", "file_missing"].contains(&codes.as_str()), "{path}: {codes}");
        assert!(dates.is_empty());
    }
    let root = format!("data_roots: [\"{}\"]\n", outside.path().display());
    assert_eq!(read(&absolute, &root), (String::new(), vec!["2026-12-25".to_owned()]));
    assert_eq!(read("calendars", "").0, "not_a_file");
    assert_eq!(read("none.txt", "").0, "file_missing");
    assert_eq!(read("s3://bucket/days.txt", "").0, "bad_path");
}

#[test]
fn a_project_without_the_new_keys_reads_back_from_an_older_snapshot() {
    let json = serde_json::to_value(project("missed: all")).expect("JSON");
    let schedule = &json["dags"]["d"]["schedules"][0];
    for key in ["dst", "exclude", "only", "jitter", "allow_frequent", "missed_cap"] {
        assert!(schedule.get(key).is_none(), "{key} is written though nobody declared it");
    }
    let back: Project = serde_json::from_value(json).expect("its own JSON");
    assert_eq!(back.calendars["holidays"].dates.len(), 2);
}
