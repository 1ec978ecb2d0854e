//! TriggerRule rules: a table written out by hand for two needed tasks in every pair of states, and an oracle that knows how
//! things end and deduces when that is settled, for up to four. To add a rule: a line in `TABLE` and one in `final_word`.

use daybreak_core::{Need, TaskStatus, Verdict, decide};
use daybreak_spec::{Condition, Name, Rule, Span, TriggerRule};
use proptest::prelude::*;

/// The states of the table: to come, succeeded, failed, upstream_failed, skipped, cancelled.
const STATES: [TaskStatus; 6] = [
    TaskStatus::Running,
    TaskStatus::Succeeded,
    TaskStatus::Failed,
    TaskStatus::UpstreamFailed,
    TaskStatus::Skipped,
    TaskStatus::Cancelled,
];

/// Rows: the first task; letters in a row: the second, both in the order of `STATES`. `.` waits, `r` runs, `s` is
/// skipped, `u` is left out.
const TABLE: [(Rule, [&str; 6]); 12] = [
    (Rule::AllSuccess, ["..uusu", ".ruusu", "uuuuuu", "uuuuuu", "ssuusu", "uuuuuu"]),
    (Rule::AllFailed, [".s..s.", "ssssss", ".srrsr", ".srrsr", "ssssss", ".srrsr"]),
    (Rule::AllDone, ["......", ".rrrrr", ".rrrrr", ".rrrrr", ".rrrrr", ".rrrrr"]),
    (Rule::AllDoneMinOneSuccess, ["....s.", ".rrrsr", ".ruusu", ".ruusu", "ssssss", ".ruusu"]),
    (Rule::AllSkipped, [".sss.s", "ssssss", "ssssss", "ssssss", ".sssrs", "ssssss"]),
    (Rule::OneSuccess, [".r....", "rrrrrr", ".ruuuu", ".ruuuu", ".ruusu", ".ruuuu"]),
    (Rule::OneFailed, ["..rr.r", ".srrsr", "rrrrrr", "rrrrrr", ".srrsr", "rrrrrr"]),
    (Rule::OneDone, [".rr..r", "rrrrrr", "rrrrrr", ".rrssr", ".rrssr", "rrrrrr"]),
    (Rule::NoneFailed, ["..uu.u", ".ruuru", "uuuuuu", "uuuuuu", ".ruuru", "uuuuuu"]),
    (Rule::NoneFailedMinOneSuccess, ["..uu.u", ".ruuru", "uuuuuu", "uuuuuu", ".ruusu", "uuuuuu"]),
    (Rule::NoneSkipped, ["....s.", ".rrrsr", ".rrrsr", ".rrrsr", "ssssss", ".rrrsr"]),
    (Rule::Always, ["rrrrrr", "rrrrrr", "rrrrrr", "rrrrrr", "rrrrrr", "rrrrrr"]),
];

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Wait => '.',
        Verdict::Run => 'r',
        Verdict::Skip => 's',
        Verdict::UpstreamFailed => 'u',
    }
}

fn name(number: usize) -> Name {
    Name::parse(&format!("t{number}")).expect("a slug")
}

fn verdict(trigger: &TriggerRule, states: &[TaskStatus]) -> Verdict {
    let names: Vec<Name> = (0..states.len()).map(name).collect();
    let begun = |status: TaskStatus| {
        matches!(status, TaskStatus::Running | TaskStatus::Succeeded | TaskStatus::Failed | TaskStatus::Cancelled)
    };
    let needs: Vec<Need<'_>> =
        names.iter().zip(states).map(|(task, status)| Need { task, status: *status, begun: begun(*status) }).collect();
    decide(trigger, &needs)
}

#[test]
fn each_rule_decides_every_pair_of_states_as_the_table_says() {
    for (rule, rows) in TABLE {
        for (first, row) in STATES.iter().zip(rows) {
            let decided: String =
                STATES.iter().map(|second| letter(verdict(&TriggerRule::Rule(rule), &[*first, *second]))).collect();
            assert_eq!(decided, row, "{}, the first task is {first}", rule.name());
        }
    }
    assert_eq!(TABLE.map(|(rule, _)| rule), Rule::ALL);
}

#[test]
fn each_rule_decides_on_a_single_task_as_the_table_says() {
    let table = [
        ".ruusu", ".srrsr", ".rrrrr", ".ruusu", ".sssrs", ".ruusu", ".srrsr", ".rrssr", ".ruuru", ".ruusu", ".rrrsr",
        "rrrrrr",
    ];
    for (rule, row) in Rule::ALL.into_iter().zip(table) {
        let decided: String = STATES.iter().map(|state| letter(verdict(&TriggerRule::Rule(rule), &[*state]))).collect();
        assert_eq!(decided, row, "{}", rule.name());
    }
}

#[test]
fn a_task_that_needs_nothing_runs_whatever_its_rule() {
    for rule in Rule::ALL {
        assert_eq!(verdict(&TriggerRule::Rule(rule), &[]), Verdict::Run);
    }
    assert_eq!(verdict(&TriggerRule::Teardown, &[]), Verdict::Run);
}

#[test]
fn every_state_that_is_not_an_end_is_waited_for_alike() {
    let open: Vec<TaskStatus> = TaskStatus::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
    assert_eq!(open.len(), 5);
    for rule in Rule::ALL {
        for other in STATES {
            let verdicts: Vec<_> = open.iter().map(|open| verdict(&TriggerRule::Rule(rule), &[*open, other])).collect();
            assert!(verdicts.iter().all(|found| *found == verdicts[0]), "{} {other}", rule.name());
        }
    }
}

#[test]
fn a_teardown_waits_for_all_and_runs_if_any_was_started() {
    use TaskStatus::{Cancelled, Failed, Running, Skipped, Succeeded, UpstreamFailed};
    let decided = |states: &[TaskStatus]| verdict(&TriggerRule::Teardown, states);
    assert_eq!(decided(&[Succeeded, Running]), Verdict::Wait);
    assert_eq!(decided(&[Succeeded, UpstreamFailed]), Verdict::Run);
    assert_eq!(decided(&[Failed, Skipped]), Verdict::Run);
    assert_eq!(decided(&[Cancelled]), Verdict::Run);
    assert_eq!(decided(&[Skipped, UpstreamFailed]), Verdict::Skip);
}

#[test]
fn a_condition_is_decided_as_soon_as_the_rest_cannot_change_it() {
    use TaskStatus::{Cancelled, Failed, Running, Skipped, Succeeded, UpstreamFailed};
    let cases: [(&str, &[TaskStatus], Verdict); 16] = [
        ("(t0.succeeded || t0.skipped) && !t1.failed", &[Skipped, Succeeded], Verdict::Run),
        ("(t0.succeeded || t0.skipped) && !t1.failed", &[Skipped, Failed], Verdict::Skip),
        ("(t0.succeeded || t0.skipped) && !t1.failed", &[Failed, Running], Verdict::Skip),
        ("(t0.succeeded || t0.skipped) && !t1.failed", &[Skipped, Running], Verdict::Wait),
        ("(t0.succeeded || t0.skipped) && !t1.failed", &[Running, Running], Verdict::Wait),
        ("t0.succeeded || t1.succeeded", &[Running, Succeeded], Verdict::Run),
        ("t0.succeeded || t1.succeeded", &[Running, Failed], Verdict::Wait),
        ("t0.succeeded && t1.succeeded", &[Running, Failed], Verdict::Skip),
        // A task that is needed and not named is waited for, unless it cannot run any more.
        ("t0.done", &[Cancelled, Running], Verdict::Wait),
        ("t0.done", &[Cancelled, UpstreamFailed], Verdict::Run),
        ("!t0.done", &[Cancelled, Running], Verdict::Skip),
        // Each word is that state and no other.
        ("t0.failed", &[UpstreamFailed], Verdict::Skip),
        ("t0.upstream_failed", &[UpstreamFailed], Verdict::Run),
        ("t0.cancelled", &[Cancelled], Verdict::Run),
        ("t0.failed", &[Cancelled], Verdict::Skip),
        ("!(t0.succeeded && t1.succeeded)", &[Running, Skipped], Verdict::Run),
    ];
    for (text, states, expected) in cases {
        let condition = Condition::parse(text, Span::default()).expect(text);
        assert_eq!(verdict(&TriggerRule::When(condition), states), expected, "{text} {states:?}");
    }
}

/// What becomes of the task once all have ended, in the words of the documentation.
fn final_word(rule: Rule, ends: &[TaskStatus]) -> Verdict {
    let good = |end: &TaskStatus| *end == TaskStatus::Succeeded;
    let skipped = |end: &TaskStatus| *end == TaskStatus::Skipped;
    let bad = |end: &TaskStatus| !good(end) && !skipped(end);
    let (any_good, any_skipped, any_bad) = (ends.iter().any(good), ends.iter().any(skipped), ends.iter().any(bad));
    let tried = ends.iter().any(|end| good(end) || matches!(end, TaskStatus::Failed | TaskStatus::Cancelled));
    let run_if = |runs: bool, otherwise: Verdict| if runs { Verdict::Run } else { otherwise };
    let failed_or_skipped = if any_bad { Verdict::UpstreamFailed } else { Verdict::Skip };
    match rule {
        Rule::AllSuccess => run_if(ends.iter().all(good), failed_or_skipped),
        Rule::AllFailed => run_if(ends.iter().all(bad), Verdict::Skip),
        Rule::AllDone | Rule::Always => Verdict::Run,
        Rule::AllDoneMinOneSuccess if any_skipped => Verdict::Skip,
        Rule::AllDoneMinOneSuccess => run_if(any_good, Verdict::UpstreamFailed),
        Rule::AllSkipped => run_if(ends.iter().all(skipped), Verdict::Skip),
        Rule::OneSuccess => run_if(any_good, failed_or_skipped),
        Rule::OneFailed => run_if(any_bad, Verdict::Skip),
        Rule::OneDone => run_if(tried, Verdict::Skip),
        Rule::NoneFailed => run_if(!any_bad, Verdict::UpstreamFailed),
        Rule::NoneFailedMinOneSuccess if any_bad => Verdict::UpstreamFailed,
        Rule::NoneFailedMinOneSuccess => run_if(any_good, Verdict::Skip),
        Rule::NoneSkipped => run_if(!any_skipped, Verdict::Skip),
    }
}

/// Every way in which what is still to come can end.
fn completions(states: &[TaskStatus]) -> Vec<Vec<TaskStatus>> {
    let mut found = vec![Vec::new()];
    for state in states {
        let ends: &[TaskStatus] = if state.is_terminal() { std::slice::from_ref(state) } else { &STATES[1..] };
        found = found
            .iter()
            .flat_map(|before| ends.iter().map(move |end| before.iter().chain([end]).copied().collect()))
            .collect();
    }
    found
}

/// A task is ruled out once nothing that is to come can let it run; it runs once nothing can keep it from that, but
/// waits for what it needs unless its rule is about a single task. A skipped task rules `all_success` out at once, though
/// another may still fail.
fn oracle(rule: Rule, states: &[TaskStatus]) -> Verdict {
    let hasty = matches!(rule, Rule::OneSuccess | Rule::OneFailed | Rule::OneDone | Rule::Always);
    let any_open = states.iter().any(|state| !state.is_terminal());
    let words: Vec<Verdict> = completions(states).iter().map(|ends| final_word(rule, ends)).collect();
    let agreed = words.iter().all(|word| *word == words[0]);
    match words[0] {
        Verdict::Run if agreed && any_open && !hasty => Verdict::Wait,
        word if agreed => word,
        _ if rule == Rule::AllSuccess && states.contains(&TaskStatus::Skipped) => Verdict::Skip,
        _ => Verdict::Wait,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_decides_as_soon_as_its_outcome_is_settled(
        rule in prop::sample::select(Rule::ALL.to_vec()),
        states in prop::collection::vec(prop::sample::select(STATES.to_vec()), 1..5),
    ) {
        prop_assert_eq!(verdict(&TriggerRule::Rule(rule), &states), oracle(rule, &states), "{} {:?}", rule.name(), states);
    }

    #[test]
    fn a_condition_that_is_decided_early_would_not_have_been_decided_otherwise(
        words in prop::collection::vec((0..3_usize, 0..6_usize, any::<bool>(), any::<bool>()), 1..6),
        states in prop::collection::vec(prop::sample::select(STATES.to_vec()), 3),
    ) {
        let mut text = String::new();
        for (place, (task, word, not, and)) in words.iter().enumerate() {
            let sign = if place == 0 { "" } else if *and { " && " } else { " || " };
            let word = ["succeeded", "failed", "skipped", "upstream_failed", "cancelled", "done"][*word];
            text.push_str(&format!("{sign}{}t{task}.{word}", if *not { "!" } else { "" }));
        }
        let trigger = TriggerRule::When(Condition::parse(&text, Span::default()).expect("a condition"));
        let holds = |ends: &[TaskStatus]| {
            // Sums of products, read straight from the text.
            text.split(" || ").any(|product| product.split(" && ").all(|factor| {
                let (wanted, factor) = factor.strip_prefix('!').map_or((true, factor), |rest| (false, rest));
                let (task, word) = factor.split_once('.').expect("a dot");
                let end = ends[task[1..].parse::<usize>().expect("a number")];
                (word == "done" || end.as_str() == word) == wanted
            }))
        };
        let decided = verdict(&trigger, &states);
        let outcomes: Vec<bool> = completions(&states).iter().map(|ends| holds(ends)).collect();
        match decided {
            Verdict::Run => prop_assert!(outcomes.iter().all(|holds| *holds), "{text} {states:?}"),
            Verdict::Skip => prop_assert!(outcomes.iter().all(|holds| !holds), "{text} {states:?}"),
            Verdict::Wait => prop_assert!(states.contains(&TaskStatus::Running), "{text} {states:?}"),
            Verdict::UpstreamFailed => prop_assert!(false, "a condition leaves nothing out"),
        }
    }
}
