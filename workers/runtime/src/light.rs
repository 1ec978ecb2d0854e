//! Runs a light task in the worker's own process, in a task of its own, so that a panic ends only the attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attempt::{End, Ended, at};
use crate::held::Hold;
use crate::{Task, TaskContext, ending};

pub(crate) async fn run(
    task: Arc<dyn Task>,
    context: TaskContext,
    timeout: Option<Duration>,
    hold: &mut Hold,
) -> Ended {
    let (cancel, begun) = (context.cancel(), Instant::now());
    let mut running = tokio::spawn(async move { task.run(&context).await });
    let end = tokio::select! {
        ended = &mut running => End::Itself(ending::of_task(ended)),
        () = hold.told_to_stop() => End::Stopped,
        () = at(timeout.map(|timeout| begun + timeout)) => {
            End::Itself(ending::timed_out(timeout.unwrap_or_default()))
        }
    };
    cancel.set();
    running.abort();
    Ended { end, busy_us: ending::micros(begun.elapsed()), start_us: 0 }
}
