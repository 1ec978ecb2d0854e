//! What `run --wait` shows while it waits: a line for each task that moves on a terminal, a line for each change
//! elsewhere, nothing for programs. Always on standard error: standard output is for what came of it.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use daybreak_core::TaskStatus;
use daybreak_protocol::{RunDetail, TaskRunView};
use daybreak_spec::Name;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output;

/// How often a running task's line moves.
const TICK: Duration = Duration::from_millis(100);

/// The display of one run.
pub struct Watch {
    display: Display,
    /// State and attempt of each task as shown.
    shown: BTreeMap<Name, (TaskStatus, u32)>,
}

enum Display {
    Nothing,
    Lines,
    Bars { all: MultiProgress, of_task: BTreeMap<Name, ProgressBar> },
}

impl Watch {
    /// For people on a terminal, people reading a log, or a program (`--json`).
    pub fn new(json: bool) -> Self {
        let display = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Display::Nothing,
            (false, false) => Display::Lines,
            (false, true) => Display::Bars { all: MultiProgress::new(), of_task: BTreeMap::new() },
        };
        Self { display, shown: BTreeMap::new() }
    }

    /// Shows what has changed.
    pub fn update(&mut self, run: &RunDetail) {
        let width = run.tasks.iter().map(|task| task.name.as_str().len()).max().unwrap_or(0);
        for task in &run.tasks {
            let state = (task.state, task.attempt);
            if self.shown.get(&task.name) != Some(&state) {
                self.show(task, width);
                self.shown.insert(task.name.clone(), state);
            }
        }
    }

    fn show(&mut self, task: &TaskRunView, width: usize) {
        let line = format!("{:width$}  {}", task.name.as_str(), described(task));
        match &mut self.display {
            Display::Nothing => {}
            Display::Lines if task.state == TaskStatus::Waiting => {}
            Display::Lines => output::aside(line),
            Display::Bars { all, of_task } => {
                let bar = of_task.entry(task.name.clone()).or_insert_with(|| all.add(ProgressBar::new_spinner()));
                bar.set_message(line);
                bar.set_style(style(task.state));
                if task.state == TaskStatus::Running {
                    bar.reset_elapsed();
                    bar.enable_steady_tick(TICK);
                } else {
                    bar.disable_steady_tick();
                }
                bar.tick();
            }
        }
    }
}

/// Takes the display away; what came of the run is printed by somebody else.
impl Drop for Watch {
    fn drop(&mut self) {
        if let Display::Bars { all, of_task } = &self.display {
            of_task.values().for_each(ProgressBar::finish_and_clear);
            // A terminal that has gone away shows nothing anyway.
            let _ = all.clear();
        }
    }
}

fn described(task: &TaskRunView) -> String {
    let mut text = task.state.to_string();
    if task.attempt > 1 {
        text.push_str(&format!(", attempt {}", task.attempt));
    }
    if let (true, Some(from), Some(to)) = (task.state.is_terminal(), task.started_at, task.ended_at) {
        text.push_str(&format!(" in {:.2} s", (to.micros - from.micros) as f64 / 1e6));
    }
    if let Some(reason) = task.reason.as_deref().and_then(|reason| reason.lines().next()) {
        text.push_str(": ");
        text.push_str(reason);
    }
    text
}

fn style(state: TaskStatus) -> ProgressStyle {
    let template = match state {
        TaskStatus::Running => "{spinner} {wide_msg} {elapsed}",
        TaskStatus::Succeeded => "✓ {wide_msg}",
        TaskStatus::Failed | TaskStatus::UpstreamFailed => "✗ {wide_msg}",
        _ => "· {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
