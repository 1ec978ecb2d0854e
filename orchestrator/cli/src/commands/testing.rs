//! `daybreak test`: runs the project's flow tests. Needs no server, no data and no state folder; runs no task's code.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use daybreak_check::Flows;
use daybreak_core::TaskState;
use daybreak_flowtest::{FlowTests, Mismatch, Played, PlayedTask, mismatches};
use daybreak_spec::{DiagnosticReport, FlowTest, Name, SourceFiles, Style};
use serde_json::{Value as Json, json};

use crate::arguments::Test;
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::output;

/// What came of one test.
struct Tested<'a> {
    test: &'a FlowTest,
    played: Played,
    wrong: Vec<Mismatch>,
    took: Duration,
}

/// 0 when all tests hold, 1 when one does not, 2 when there is none, 3 when the files have problems.
pub fn test(arguments: &Test) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let flows = daybreak_check::check_flows(&home.project).map_err(Failure::configuration)?;
    let report = DiagnosticReport::new(flows.problems.clone(), &flows.loaded.files);
    if report.errors() > 0 {
        if arguments.json {
            output::line(format_args!("{:#}", json!({ "ok": false, "problems": report.to_json() })))?;
        } else {
            output::text(report.render(style()))?;
        }
        return Err(Failure::configuration(format!("{} errors in the files: no test was run", report.errors())));
    }
    let tested = played(&flows, arguments.filter.as_deref())?;
    let failed = tested.iter().filter(|tested| !tested.wrong.is_empty()).count();
    if arguments.json {
        output::line(format_args!("{:#}", as_json(&tested, &flows.loaded.files)))?;
    } else {
        output::text(for_people(&tested, &flows.loaded.files))?;
    }
    if failed == 0 { Ok(()) } else { Err(Failure::silent(1)) }
}

fn style() -> Style {
    if std::io::stdout().is_terminal() { Style::Ansi } else { Style::Plain }
}

/// Plays the tests whose name or file holds the filter.
fn played<'f>(flows: &'f Flows, filter: Option<&str>) -> Outcome<Vec<Tested<'f>>> {
    if flows.tests.is_empty() {
        return Err(Failure::usage("the project has no flow tests; they stand in files called `NAME.test.yaml`"));
    }
    let (project, files) = (&flows.loaded.project, &flows.loaded.files);
    let wanted = |test: &&FlowTest| {
        filter.is_none_or(|filter| test.name.contains(filter) || files.path(test.name.span.file).contains(filter))
    };
    let mut tests = FlowTests::of(project, &flows.loaded.root, &flows.kinds);
    let mut tested = Vec::new();
    for test in flows.tests.iter().filter(wanted) {
        let begun = Instant::now();
        let played = tests
            .play(test)
            .map_err(|problems| Failure::configuration(DiagnosticReport::new(problems, files).render(Style::Plain)))?;
        let wrong = mismatches(test, &played);
        tested.push(Tested { test, played, wrong, took: begun.elapsed() });
    }
    if tested.is_empty() {
        let names: Vec<&str> = flows.tests.iter().map(|test| test.name.as_str()).take(20).collect();
        let filter = filter.unwrap_or_default();
        return Err(Failure::usage(format!(
            "no flow test's name or file holds `{filter}`; there are: {}",
            names.join("; ")
        )));
    }
    Ok(tested)
}

fn for_people(tested: &[Tested<'_>], files: &SourceFiles) -> String {
    let mut text = String::new();
    for Tested { test, played, wrong, took } in tested {
        let place = format!("{}:{}", files.path(test.name.span.file), test.name.span.line);
        let word = if wrong.is_empty() { "ok    " } else { "FAILED" };
        let _ = writeln!(text, "{word}  {}  ({place}, {:.1} ms)", test.name.value, took.as_secs_f64() * 1e3);
        if wrong.is_empty() {
            continue;
        }
        text.push('\n');
        for mismatch in wrong {
            text.push_str(&DiagnosticReport::new(vec![mismatch.problem()], files).render(style()));
            for line in mismatch.difference().iter().flat_map(|difference| difference.lines()) {
                let _ = writeln!(text, "      {line}");
            }
            text.push('\n');
        }
        let _ = writeln!(text, "  what came of the run: {}", played.state.status());
        // Of a long list those are shown that did not go as most do.
        let shown = |name: &Name, task: &PlayedTask| {
            name.item().is_none() || task.attempts != 1 || !matches!(task.state, Some(TaskState::Succeeded { .. }))
        };
        for (name, task) in played.tasks.iter().filter(|(name, task)| shown(name, task)) {
            let state = task.state.as_ref().map_or("not there", |state| state.status().as_str());
            let attempts = if task.attempts == 1 { String::new() } else { format!(", {} attempts", task.attempts) };
            let _ = writeln!(text, "    {name}: {state}{attempts}");
        }
        text.push('\n');
    }
    let failed = tested.iter().filter(|tested| !tested.wrong.is_empty()).count();
    let _ = match failed {
        0 => writeln!(text, "{} tests, all ok", tested.len()),
        failed => writeln!(text, "{} tests, {failed} failed", tested.len()),
    };
    text
}

fn as_json(tested: &[Tested<'_>], files: &SourceFiles) -> Json {
    let place =
        |span: daybreak_spec::Span| json!({ "file": files.path(span.file), "line": span.line, "column": span.column });
    let with = |mut json: Json, more: Json| {
        if let (Some(json), Json::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        json
    };
    let tests: Vec<Json> = tested
        .iter()
        .map(|Tested { test, played, wrong, took }| {
            let failures = wrong.iter().map(|Mismatch { span, what, expected, found, because }| {
                with(place(*span), json!({ "what": what, "expected": expected, "found": found, "because": because }))
            });
            let tasks = played.tasks.iter().map(|(name, task)| {
                let state = task.state.as_ref().map(|state| state.status().as_str());
                (name.to_string(), json!({ "state": state, "attempts": task.attempts, "parameters": task.parameters }))
            });
            let (failures, tasks): (Vec<Json>, serde_json::Map<String, Json>) = (failures.collect(), tasks.collect());
            let more = json!({
                "name": test.name.value, "dag": test.dag.value, "ok": wrong.is_empty(),
                "duration_us": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                "run": played.state.status().as_str(), "reason": played.state.reason(),
                "tasks": tasks, "failures": failures,
            });
            with(place(test.name.span), more)
        })
        .collect();
    let failed = tested.iter().filter(|tested| !tested.wrong.is_empty()).count();
    json!({ "ok": failed == 0, "passed": tested.len() - failed, "failed": failed, "tests": tests })
}
