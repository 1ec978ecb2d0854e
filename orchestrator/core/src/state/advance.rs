//! What follows from an event: the pure heart of the orchestrator. Takes a run as it stands, what happened, the time
//! and a random number, and returns what is to be written. Must never await, read a clock or draw a number itself.
//! To add an event: a variant in `event.rs`, an arm in [`advance`], a method in the file of its subject; states change
//! through `transition` only.

use super::draft::Draft;
use super::{Changes, Event, Moment, Rejected, RunSnapshot};

/// Decides what an event changes in a run. The snapshot is left alone; the changes are consistent with one another
/// and are to be written together.
///
/// # Errors
/// [`Rejected`] when nothing is to be written: a stale or repeated report, an event that does not fit the state.
pub fn advance(run: &RunSnapshot, event: &Event, moment: Moment) -> Result<Changes, Rejected> {
    let mut draft = Draft::new(run, moment);
    match event {
        Event::Start => draft.start()?,
        Event::Claim { task, worker } => draft.claim(task, worker)?,
        Event::Report { task, fence, end } => draft.report(task, *fence, end)?,
        Event::Lost { task, fence } => draft.lost(task, *fence)?,
        Event::Interrupted { task, fence } => draft.interrupted(task, *fence)?,
        Event::TimedOut { task } => draft.timed_out(task)?,
        Event::ForceCancel { task } => draft.force_cancel(task)?,
        Event::RetryDue { task } => draft.retry_due(task)?,
        Event::Cancel { reason } => draft.cancel(reason)?,
        Event::Resume { task, fence, resumption } => draft.resume(task, *fence, resumption)?,
        Event::WaitOver { task } => draft.wait_over(task)?,
        Event::CacheHit { task, outputs } => draft.cache_hit(task, outputs)?,
        Event::QueueTimedOut { task, fence, end } => draft.queue_timed_out(task, *fence, end)?,
        Event::TotalTimedOut { task, fence, failure } => draft.total_timed_out(task, *fence, failure)?,
        Event::Overdue { reason } => draft.overdue(reason)?,
        Event::Rerun { tasks } => return rerun(draft, tasks),
        Event::Mark { task, mark } => draft.mark(task, mark)?,
    }
    draft.end_run_if_done();
    Ok(draft.into_changes())
}

/// Tasks that are run again wait first. In a run that goes on, those that nothing keeps go further at once: a second
/// step, written after the first.
fn rerun(mut draft: Draft<'_>, tasks: &[daybreak_spec::Name]) -> Result<Changes, Rejected> {
    draft.rerun(tasks)?;
    let moment = draft.moment;
    let mut run = draft.run.clone();
    let mut changes = draft.into_changes();
    run.apply(&changes);
    let mut further = Draft::new(&run, moment);
    further.settle_waiting()?;
    further.end_run_if_done();
    let further = further.into_changes();
    changes.tasks.extend(further.tasks);
    changes.run = further.run.or(changes.run);
    Ok(changes)
}
