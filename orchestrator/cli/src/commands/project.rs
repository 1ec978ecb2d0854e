//! Commands about a project's files: `check`, `explain`, `schema`. None needs a server.

use std::io::IsTerminal as _;

use daybreak_check::{Checked, Checker, SecretUse};
use daybreak_spec::{DiagnosticReport, Name, Style};

use crate::arguments::{Check, Project};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::real_now;
use crate::output;

/// `daybreak check`: 0 when the project can be run, 1 when not.
pub fn check(arguments: &Check) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let checker = Checker::default();
    let checked = match arguments.for_server {
        true => checker.check(&home.project),
        false => checker.check_with_tests(&home.project).map(|(checked, _)| checked),
    };
    let checked = checked.map_err(Failure::configuration)?;
    if arguments.json {
        let mut json =
            serde_json::json!({ "ok": checked.is_sound(), "problems": checked.to_json(), "secrets": checked.secrets });
        if arguments.for_server {
            json["text"] = words(&checked, Style::Plain).into();
            json["features"] = features(&checked);
        }
        output::line(format_args!("{json:#}"))?;
    } else {
        show(&checked)?;
    }
    if checked.is_sound() { Ok(()) } else { Err(Failure::silent(1)) }
}

/// The features of its views with their types.
fn features(checked: &Checked) -> serde_json::Value {
    let views = checked.plan.iter().flat_map(|plan| &plan.views);
    let features = views.map(|(name, view)| (name.to_string(), serde_json::json!(view.features)));
    serde_json::Value::Object(features.collect())
}

fn show(checked: &Checked) -> Outcome {
    output::text(words(checked, if std::io::stdout().is_terminal() { Style::Ansi } else { Style::Plain }))
}

fn words(checked: &Checked, style: Style) -> String {
    let report = DiagnosticReport::new(checked.problems.clone(), &checked.loaded.files);
    let mut text = report.render(style);
    for (name, users) in &checked.secrets {
        let users: Vec<String> = users.iter().map(|SecretUse { dag, task }| format!("{dag}.{task}")).collect();
        text.push_str(&format!("secret {name}: {}\n", users.join(", ")));
    }
    let project = &checked.loaded.project;
    text.push_str(&match (report.errors(), report.warnings()) {
        (0, warnings) => format!(
            "{}: {} sources, {} feature views, {} models, {} DAGs; no errors, {warnings} warnings\n",
            project.name.value,
            project.sources.len(),
            project.feature_views.len(),
            project.models.len(),
            project.dags.len()
        ),
        (errors, warnings) => format!("\n{errors} errors, {warnings} warnings\n"),
    });
    text
}

/// `daybreak explain`
pub async fn explain(dag: &str, arguments: &Project) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let checked = daybreak_check::check(&home.project).map_err(Failure::configuration)?;
    if !checked.is_sound() {
        show(&checked)?;
        return Err(Failure::silent(1));
    }
    let found = Name::parse(dag).and_then(|name| checked.explain(&name, real_now()));
    let Some(explanation) = found else {
        let names: Vec<&str> = checked.loaded.project.dags.keys().map(Name::as_str).collect();
        return Err(Failure::usage(format!("the project has no DAG `{dag}`; it has: {}", names.join(", "))));
    };
    let paused = super::dags::pause_of(&home, &explanation.dag).await;
    if arguments.json {
        let mut json =
            serde_json::to_value(&explanation).map_err(|error| Failure::input_output("cannot encode", error))?;
        json["paused"] = serde_json::json!(paused);
        return output::line(format_args!("{json:#}"));
    }
    if let Some(pause) = &paused {
        output::line(super::dags::words(pause))?;
    }
    output::line(explanation)
}

/// `daybreak schema`
pub fn schema(tests: bool) -> Outcome {
    let schema = if tests { daybreak_spec::flow_test_schema() } else { daybreak_check::json_schema() };
    output::line(format_args!("{schema:#}"))
}
