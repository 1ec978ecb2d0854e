//! What is going on now, as streams of events see it.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_store::{Error, NewRun};

use crate::stories;
use crate::support::{World, at, caller, name, template};

stories! {
    runs_that_have_not_ended_are_seen_with_their_tasks,
    runs_made_after_one_are_found_oldest_first,
}

async fn make(world: &World, hour: i64) -> String {
    let run = NewRun { template: template(), window_start: None, window_end: at(hour) };
    world.store.make_run(run).await.expect("it is made")
}

async fn runs_that_have_not_ended_are_seen_with_their_tasks(world: World) {
    let (first, second) = (make(&world, 1).await, make(&world, 2).await);
    let seen = world.store.active_tasks(&name("demo")).await.expect("what goes on");
    let of = |run_id: &str| seen.iter().filter(|task| task.run_id == run_id).collect::<Vec<_>>();
    assert_eq!((of(&first).len(), of(&second).len(), seen.len()), (3, 3, 6));
    assert_eq!(of(&second)[0].run_state, RunStatus::Running);
    let ready = (name("first"), TaskStatus::Ready, 0);
    assert!(of(&first).iter().any(|task| task.task.as_ref() == Some(&ready) && task.run_state == RunStatus::Running));
    assert!(world.store.active_tasks(&name("other")).await.expect("what goes on").is_empty());
    world.store.cancel(first.clone(), "enough".to_owned(), caller()).await.expect("it runs");
    let seen = world.store.active_tasks(&name("demo")).await.expect("what goes on");
    assert!(seen.iter().all(|task| task.run_id == second), "one that has ended is not");
    let state = world.store.task_status(&first, &name("third")).await.expect("the task");
    assert_eq!(state, TaskStatus::Cancelled);
    assert!(matches!(world.store.task_status(&first, &name("fourth")).await, Err(Error::NotFound(_))));
}

async fn runs_made_after_one_are_found_oldest_first(world: World) {
    assert_eq!(world.store.newest_run_of_all(&name("demo")).await.expect("an answer"), None);
    let made = [make(&world, 1).await, make(&world, 2).await, make(&world, 3).await];
    assert_eq!(world.store.newest_run_of_all(&name("demo")).await.expect("an answer").as_ref(), Some(&made[2]));
    assert_eq!(world.store.made_after(&name("demo"), &made[0]).await.expect("runs"), made[1..]);
    assert!(world.store.made_after(&name("demo"), &made[2]).await.expect("runs").is_empty());
}
