//! The forty cases with our answers, or a comparison with croner over random expressions: what `cargo xtask cron` shows.
//! To add a case: a line in `tests/schedule/table.rs`.

#[path = "../tests/schedule/random.rs"]
mod random;
#[path = "../tests/schedule/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::Instant;

use random::Outcome;
use table::{CASES, ROWS, answer};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |flag: &str| {
        let value = arguments.iter().position(|argument| argument == flag).and_then(|at| arguments.get(at + 1))?;
        value.replace(['_', ','], "").parse::<u64>().ok()
    };
    let right = match number("--oracle") {
        Some(checks) => oracle(checks, number("--seed").unwrap_or(1)),
        None => table(),
    };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every case with its answer; `40 of 40` at the end.
fn table() -> bool {
    let mut right_rows = 0;
    for row in 1..=ROWS {
        let mut right = true;
        for (place, case) in CASES.iter().filter(|case| case.row == row).enumerate() {
            let answer = answer(case);
            let number = if place == 0 { row.to_string() } else { String::new() };
            println!(
                "{number:>2}  {:<20} {:<20} expected {}",
                case.cron.escape_debug().to_string(),
                case.zone,
                answer.expected
            );
            let same = answer.found == answer.expected;
            println!("    {:<41} {:>8} {}", "", if same { "found" } else { "WRONG" }, answer.found);
            right &= same;
        }
        right_rows += u32::from(right);
    }
    println!("{right_rows} of {ROWS}");
    right_rows == ROWS
}

/// So many next firings beside croner's, on all cores.
fn oracle(checks: u64, seed: u64) -> bool {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let share = checks.div_ceil(threads);
    let mut all = Outcome::default();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || random::compare(seed.wrapping_add(part << 32), share)))
            .collect();
        for run in runs {
            let Outcome { checks, expressions, left_out, differences } =
                run.join().expect("a comparison does not panic");
            all.checks += checks;
            all.expressions += expressions;
            all.left_out += left_out;
            all.differences.extend(differences);
        }
    });
    println!(
        "{} next firings of {} expressions in {} zones beside croner (seed {seed}) in {:.1} s: {} differences; {} left out where croner is known to be wrong",
        all.checks,
        all.expressions,
        chrono_tz::TZ_VARIANTS.len(),
        begun.elapsed().as_secs_f64(),
        all.differences.len(),
        all.left_out,
    );
    for difference in &all.differences {
        println!("  {difference}");
    }
    all.differences.is_empty()
}
