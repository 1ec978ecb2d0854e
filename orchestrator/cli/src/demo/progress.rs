//! What the demo shows while it works: a bar on a terminal, plain lines elsewhere, always on standard error.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// A bar or lines.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For this many nights.
    pub fn new(nights: u32) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::new(u64::from(nights));
        let style = ProgressStyle::with_template("{bar:30} night {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar: Some(bar) }
    }

    /// A night or a replayed day has ended.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => output::aside(text),
        }
    }

    /// What goes on now.
    pub fn now(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }

    /// One more night.
    pub fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
