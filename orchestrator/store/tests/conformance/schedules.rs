//! What schedules leave in the rows: cursors over deployments, firings of many DAGs together, pauses, what was left out.

use std::sync::Arc;

use daybreak_spec::{Overlap, Timestamp};
use daybreak_store::{
    CursorMove, DeployedCursor, DeployedDag, Deployment, Error, Fire, NewFiring, PauseChange, RunTemplate,
};

use crate::support::{World, at, caller, name, template};

crate::stories! {
    deploying_again_keeps_the_cursors,
    a_deployment_moves_the_cursors_that_it_was_thought_out_for_and_no_others,
    firings_of_many_dags_are_made_together_and_one_that_is_refused_leaves_the_others_alone,
    a_paused_dag_moves_no_cursor_and_makes_no_run,
    a_pause_says_who_when_and_why_and_outlives_deployments,
    a_leadership_that_is_given_away_is_seen_until_somebody_has_it,
}

fn deployment(dags: Vec<DeployedDag>) -> Deployment {
    Deployment {
        project: name("demo"),
        version: "aa".to_owned(),
        root: "/project".to_owned(),
        files: None,
        listens: Vec::new(),
        models: vec![name("late")],
        found: None,
        limits: Vec::new(),
        dags,
        caller: None,
    }
}

fn stands(at: Timestamp) -> DeployedCursor {
    DeployedCursor { was: Some(at), to: at }
}

fn fire(dag: &str, (from, to): (i64, i64), epoch: i64) -> Fire {
    let (from, to) = (at(from), at(to));
    let template = Arc::new(RunTemplate { dag: name(dag), ..template() });
    let firing = NewFiring { at: to, window_start: Some(from), overlap: Overlap::Queue };
    Fire { template, cursors: vec![CursorMove { schedule: 0, from, to, left_out: 3 }], firings: vec![firing], epoch }
}

fn change(note: Option<&str>) -> PauseChange {
    let note = note.map(str::to_owned);
    PauseChange { project: name("demo"), dag: name("nightly"), caller: caller(), note }
}

async fn deploying_again_keeps_the_cursors(world: World) {
    world.fire(at(0), &[24], Overlap::Queue).await;
    world.deploy().await;
    let cursors = world.store.cursors(&name("demo")).await.expect("cursors");
    assert_eq!(cursors[&(name("nightly"), 0)], at(24));
}

async fn a_deployment_moves_the_cursors_that_it_was_thought_out_for_and_no_others(world: World) {
    let moved = DeployedCursor { was: Some(at(0)), to: at(12) };
    let dag = |cursors| vec![DeployedDag { dag: name("nightly"), cursors }];
    let added = DeployedCursor { was: None, to: at(7) };
    world.store.deploy(deployment(dag(vec![moved, added]))).await.expect("it deploys");
    let cursors = world.store.cursors(&name("demo")).await.expect("cursors");
    assert_eq!(cursors.values().copied().collect::<Vec<_>>(), [at(12), at(7)]);
    let late = world.store.deploy(deployment(dag(vec![moved]))).await;
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
    world.store.deploy(deployment(dag(vec![stands(at(12))]))).await.expect("it deploys");
    let cursors = world.store.cursors(&name("demo")).await.expect("cursors");
    assert_eq!(cursors.into_values().collect::<Vec<_>>(), [at(12)], "a schedule that went takes its cursor along");
}

async fn firings_of_many_dags_are_made_together_and_one_that_is_refused_leaves_the_others_alone(world: World) {
    let names: Vec<String> = (0..200).map(|number| format!("d{number:03}")).collect();
    let start = vec![DeployedCursor { was: None, to: at(0) }];
    let dag = |dag: &String| DeployedDag { dag: name(dag), cursors: start.clone() };
    world.store.deploy(deployment(names.iter().map(dag).collect())).await.expect("it deploys");
    let epoch = world.lead().await;
    let mut fires: Vec<Fire> = names.iter().map(|dag| fire(dag, (0, 24), epoch)).collect();
    fires[70] = fire("d070", (1, 24), epoch);
    let answers = world.store.fire(fires).await;
    let refused: Vec<usize> = (0..200).filter(|place| answers[*place].is_err()).collect();
    assert_eq!(refused, [70]);
    let made = answers.iter().flatten().map(|fired| fired.runs.len()).sum::<usize>();
    assert_eq!(made, 199);
    let active = world.store.active_counts(&name("demo")).await.expect("counts");
    assert_eq!((active.len(), active.values().sum::<u32>(), active.get("d070")), (199, 199, None));
    let left_out = world.store.left_out(&name("demo")).await.expect("counts");
    assert_eq!(left_out.get(&(name("d000"), 0)), Some(&3));
    let worker = world.worker().await;
    assert_eq!(world.claim(&worker).await.len(), 8, "the first tasks of the new runs are ready");
}

async fn a_paused_dag_moves_no_cursor_and_makes_no_run(world: World) {
    world.store.pause(change(Some("new feed"))).await.expect("it is paused");
    let epoch = world.lead().await;
    let refused = world.fire_one(fire("nightly", (0, 24), epoch)).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert_eq!(world.run_count().await, 0);
    world.run().await;
    assert_eq!(world.run_count().await, 1, "a run by hand is made all the same");
    world.store.resume(change(None)).await.expect("it is resumed");
    world.fire_one(fire("nightly", (0, 24), epoch)).await.expect("it fires");
}

async fn a_pause_says_who_when_and_why_and_outlives_deployments(world: World) {
    world.store.pause(change(Some("new feed"))).await.expect("it is paused");
    let begun = world.store.pauses(&name("demo")).await.expect("it reads")[&name("nightly")].since;
    world.pass(60);
    world.store.pause(change(Some("still"))).await.expect("it takes the new note");
    world.deploy().await;
    let pauses = world.store.pauses(&name("demo")).await.expect("it reads");
    let pause = &pauses[&name("nightly")];
    assert_eq!((pause.since, pause.by.as_str(), pause.note.as_deref()), (begun, "ann", Some("still")));
    world.store.resume(change(Some("it is here"))).await.expect("it is resumed");
    assert!(world.store.pauses(&name("demo")).await.expect("it reads").is_empty());
    let again = world.store.resume(change(None)).await;
    assert!(matches!(&again, Err(Error::Refused(why)) if why.contains("not paused")), "{again:?}");
    let said = "SELECT COUNT(*) FROM audit WHERE subject = 'nightly' AND actor = 'ann' AND origin = 'cli' AND \
        (action = 'pause' AND detail IN ('new feed', 'still') OR action = 'resume' AND detail = 'it is here')";
    assert_eq!(world.count(said).await, 3);
}

async fn a_leadership_that_is_given_away_is_seen_until_somebody_has_it(world: World) {
    let given_away = async || world.store.leadership_was_given_away().await.expect("it answers");
    let epoch = world.store.lead("one".to_owned()).await.expect("it answers").expect("nobody leads");
    assert!(!given_away().await);
    assert!(world.store.resign("one".to_owned(), epoch).await.expect("it answers"));
    assert!(given_away().await);
    assert_eq!(world.store.lead("two".to_owned()).await.expect("it answers"), Some(epoch + 1));
    assert!(!given_away().await);
}
