//! Seeds of the simulation: some thousands end well, and each guard that is taken away is missed. `cargo xtask simulate`
//! runs as many as one likes. To add a guard: a field of `Guards`, its use, a test here.

use daybreak_simulation::{Catalogue, Guards, Options, simulate};

const SEEDS: u64 = 4_000;

fn violations(catalogue: &Catalogue, seed: u64, guards: Guards) -> Vec<String> {
    simulate(catalogue, seed, &Options { guards, trace: false }).violations
}

/// The first seed that goes wrong in the expected way without a guard. With the guard it is well.
fn goes_wrong(guards: Guards, expected: &str) {
    let catalogue = Catalogue::new();
    let as_expected = |seed: &u64| violations(&catalogue, *seed, guards).iter().any(|what| what.contains(expected));
    let seed = (0..SEEDS).find(as_expected).expect("a missing guard is noticed within the seeds of a test run");
    println!("without it seed {seed} goes wrong: {}", violations(&catalogue, seed, guards).join("; "));
    assert_eq!(violations(&catalogue, seed, Guards::ALL), Vec::<String>::new(), "seed {seed} is well with every guard");
}

#[test]
fn thousands_of_seeds_end_without_a_violation() {
    let catalogue = Catalogue::new();
    for seed in 0..SEEDS {
        let wrong = violations(&catalogue, seed, Guards::ALL);
        assert!(wrong.is_empty(), "cargo xtask simulate --seed {seed} --trace\n{}", wrong.join("\n"));
    }
}

#[test]
fn what_the_invariants_watch_over_happens() {
    let catalogue = Catalogue::new();
    let mut counts = [0; 7];
    for seed in 0..500 {
        let found = simulate(&catalogue, seed, &Options { guards: Guards::ALL, trace: false }).counts;
        let found = [found.fired, found.skipped, found.left_out, found.reports, found.stale, found.lost, found.epochs];
        counts.iter_mut().zip(found).for_each(|(sum, count)| *sum += count);
    }
    assert!(counts.iter().all(|count| *count > 200), "{counts:?}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    let options = Options { guards: Guards::ALL, trace: true };
    for seed in [3, 33, 333] {
        let (one, other) = (Catalogue::new(), Catalogue::new());
        assert_eq!(simulate(&one, seed, &options).trace, simulate(&other, seed, &options).trace);
    }
}

#[test]
fn a_store_that_does_not_look_at_fences_takes_the_word_of_those_who_lost_the_task() {
    goes_wrong(Guards { fence: false, ..Guards::ALL }, "was accepted; it was held");
}

#[test]
fn a_store_that_does_not_look_at_epochs_takes_the_writes_of_a_leader_that_was_asleep() {
    goes_wrong(Guards { epoch: false, ..Guards::ALL }, "a write of leadership");
}

#[test]
fn a_store_that_does_not_look_at_revisions_never_ends_a_run_whose_tasks_ended_at_once() {
    goes_wrong(Guards { revision: false, ..Guards::ALL }, "all its tasks have ended and it has not");
}

#[test]
fn a_store_that_answers_before_its_flush_forgets_what_it_acknowledged() {
    goes_wrong(Guards { flush: false, ..Guards::ALL }, "was acknowledged and is not kept");
}
