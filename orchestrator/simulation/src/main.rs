//! `daybreak-simulate`: runs seeds on all cores and names those that go wrong. Each seed is simulated by one thread from
//! beginning to end. To add an option: a line in [`Arguments::read`].

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use daybreak_simulation::{Catalogue, Guards, Options, Report, simulate};

const USAGE: &str = "daybreak-simulate [--seeds N] [--from SEED] | --seed SEED [--trace]";
/// Failing seeds shown in full.
const SHOWN: usize = 5;

struct Arguments {
    from: u64,
    seeds: u64,
    trace: bool,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self { from: 0, seeds: 1_000, trace: false };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or(format!("`{word}` needs a number"))?;
                value.parse::<u64>().map_err(|_| format!("`{word}` needs a whole number, not `{value}`"))
            };
            match word.as_str() {
                "--seeds" => read.seeds = number()?,
                "--from" => read.from = number()?,
                "--seed" => (read.from, read.seeds) = (number()?, 1),
                "--trace" => read.trace = true,
                _ => return Err(format!("`{word}` is not an option; usage: {USAGE}")),
            }
        }
        if read.trace && read.seeds != 1 {
            return Err("`--trace` shows the history of one seed: name it with `--seed`".to_owned());
        }
        Ok(read)
    }
}

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => run(&arguments),
        Err(problem) => {
            eprintln!("daybreak-simulate: {problem}");
            ExitCode::from(2)
        }
    }
}

#[derive(Default)]
struct Total {
    events: u64,
    failed: Vec<(u64, Vec<String>)>,
    lines: Vec<(&'static str, u64)>,
}

fn run(arguments: &Arguments) -> ExitCode {
    let (catalogue, begun) = (Catalogue::new(), Instant::now());
    let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.from.wrapping_add(number);
                    let report = one(&catalogue, seed, arguments.trace);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(seed, report);
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.show(arguments, begun.elapsed().as_secs_f64())
}

/// A seed that panics has gone wrong as well.
fn one(catalogue: &Catalogue, seed: u64, trace: bool) -> Report {
    let options = Options { guards: Guards::ALL, trace };
    std::panic::catch_unwind(|| simulate(catalogue, seed, &options)).unwrap_or_else(|_| Report {
        events: 0,
        counts: Default::default(),
        violations: vec!["it panicked; the message stands above".to_owned()],
        trace: Vec::new(),
    })
}

impl Total {
    fn add(&mut self, seed: u64, report: Report) {
        self.events += report.events;
        for line in &report.trace {
            println!("{line}");
        }
        let counts = report.counts;
        let lines = [
            ("runs of firings", counts.fired),
            ("firings recorded as skipped", counts.skipped),
            ("firings left out by policy", counts.left_out),
            ("reports accepted", counts.reports),
            ("reports refused as stale", counts.stale),
            ("workers lost under tasks", counts.lost),
            ("leaderships taken", counts.epochs),
        ];
        if self.lines.is_empty() {
            self.lines = lines.iter().map(|(what, _)| (*what, 0)).collect();
        }
        for ((_, sum), (_, count)) in self.lines.iter_mut().zip(lines) {
            *sum += count;
        }
        if !report.violations.is_empty() {
            self.failed.push((seed, report.violations));
        }
    }

    fn show(mut self, arguments: &Arguments, seconds: f64) -> ExitCode {
        for (what, count) in &self.lines {
            println!("{what:<28} {count:>12}");
        }
        let (seeds, events) = (arguments.seeds, self.events);
        let rate = seeds as f64 / seconds.max(1e-9);
        println!("{seeds} seeds, {events} events, {} violations, {rate:.0} seeds/s, {seconds:.1} s", self.failed.len());
        self.failed.sort_unstable();
        for (seed, violations) in self.failed.iter().take(SHOWN) {
            println!("seed {seed} went wrong; see it with: cargo xtask simulate --seed {seed} --trace");
            violations.iter().for_each(|what| println!("  {what}"));
        }
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
