//! `daybreak explain DAG` as text: tasks in order with what they read and make, columns and types, next firings. Only
//! words and layout; what is shown is decided in `plan.rs`.

use std::fmt::{self, Write as _};

use daybreak_spec::TriggerRule;

use crate::plan::{Column, Explanation, Item, ModelPlan, SchedulePlan, TaskPlan, ViewPlan};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "dag {}", self.dag)?;
        if self.plan.schedules.is_empty() {
            writeln!(f, "  runs by hand only")?;
        }
        for schedule in &self.plan.schedules {
            writeln!(f, "  fires {}", schedule_words(schedule))?;
        }
        let firings: Vec<String> = self.next_firings.iter().map(ToString::to_string).collect();
        match (firings.is_empty(), self.last_firing) {
            (false, _) => writeln!(f, "  next: {}", firings.join(", "))?,
            (true, Some(last)) => writeln!(f, "  next: none any more; the last was {last}")?,
            (true, None) => {}
        }
        writeln!(f, "\ntasks")?;
        for (index, task) in self.plan.tasks.iter().enumerate() {
            write_task(f, index + 1, task)?;
        }
        for (name, view) in &self.views {
            write_view(f, name.as_str(), view)?;
        }
        for (name, model) in &self.models {
            write_model(f, name.as_str(), model)?;
        }
        Ok(())
    }
}

fn schedule_words(schedule: &SchedulePlan) -> String {
    let mut words = format!("`{}` in {}", schedule.cron, schedule.timezone);
    if let Some(start) = &schedule.start {
        let _ = write!(words, ", from {start}");
    }
    if let Some(end) = &schedule.end {
        let _ = write!(words, ", until {end}");
    }
    let rules = schedule.rules.to_string();
    if !rules.is_empty() {
        let _ = write!(words, "; {rules}");
    }
    words
}

fn write_task(f: &mut fmt::Formatter<'_>, number: usize, task: &TaskPlan) -> fmt::Result {
    write!(f, "  {number}. {} ({}", task.name, task.kind)?;
    f.write_str(if task.heavy { ", in a child process)" } else { ")" })?;
    if !task.needs.is_empty() {
        let needs: Vec<&str> = task.needs.iter().map(daybreak_spec::Name::as_str).collect();
        write!(f, " after {}", needs.join(", "))?;
    }
    match &task.trigger {
        trigger if trigger.is_default() => {}
        TriggerRule::Rule(rule) => write!(f, ", by `{}`", rule.name())?,
        TriggerRule::When(condition) => write!(f, ", when `{condition}`")?,
        TriggerRule::Teardown => f.write_str(", however they end, to tear down")?,
    }
    if task.tolerated {
        f.write_str("; its failure is tolerated")?;
    }
    writeln!(f)?;
    for (key, value) in &task.parameters {
        writeln!(f, "       {key}: {value}")?;
    }
    for item in &task.inputs {
        writeln!(f, "     reads {}", item_words(item))?;
    }
    for item in &task.outputs {
        writeln!(f, "     makes {}", item_words(item))?;
    }
    Ok(())
}

fn item_words(item: &Item) -> String {
    match item {
        Item::Rows { source } => format!("rows of source {source}"),
        Item::Builds { view } => format!("builds of view {view}"),
        Item::OnlineRows { view } => format!("online rows of view {view}"),
        Item::Version { model } => format!("a version of model {model}"),
        Item::Judgement { model } => format!("a judgement on a version of model {model}"),
        Item::Alias { model } => format!("an alias of model {model}"),
    }
}

fn write_view(f: &mut fmt::Formatter<'_>, name: &str, view: &ViewPlan) -> fmt::Result {
    write!(f, "\nview {name}")?;
    match &view.entity {
        Some(entity) => write!(f, ", one row per {entity}")?,
        None => write!(f, ", one row for all")?,
    }
    match &view.ttl {
        Some(ttl) => writeln!(f, ", usable for {ttl}")?,
        None => writeln!(f)?,
    }
    write_columns(f, "key", &view.keys)?;
    write_columns(f, "feature", &view.features)
}

fn write_model(f: &mut fmt::Formatter<'_>, name: &str, model: &ModelPlan) -> fmt::Result {
    writeln!(
        f,
        "\nmodel {name}, {} on rows of source {}, label {}",
        model.algorithm,
        model.observations,
        model.label.name()
    )?;
    write_columns(f, "key", &model.keys)?;
    write_columns(f, "input", &model.inputs)?;
    write_columns(f, "feature", &model.features)?;
    write_columns(f, "derived", &model.derived)
}

fn write_columns(f: &mut fmt::Formatter<'_>, role: &str, columns: &[Column]) -> fmt::Result {
    let width = columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    for column in columns {
        writeln!(f, "  {role:<8} {:<width$}  {}", column.name, column.column_type.name())?;
    }
    Ok(())
}
