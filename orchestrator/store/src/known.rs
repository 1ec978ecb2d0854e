//! Runs that the writer has read or made and that have not ended: an event on one of them reads nothing. On SQLite this
//! process is the only writer, so they are as their rows are; on PostgreSQL the run's revision tells (`load.rs`). What a
//! transaction took up is forgotten when it is undone. Must never outlive a rollback.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use daybreak_core::{Takes, WorkerIdentity};
use daybreak_spec::{Name, Timestamp};

use crate::load::LoadedRun;

/// Tasks kept in memory, in all runs together; beyond it everything is read anew.
const MAX_TASKS: usize = 200_000;

/// A worker as its row says.
#[derive(Clone)]
pub(crate) struct KnownWorker {
    /// Until when its lease runs at least.
    pub until: Timestamp,
    pub takes: Arc<Takes>,
    /// Light and heavy tasks at once.
    pub slots: (u32, u32),
}

/// The runs, by id.
#[derive(Default)]
pub(crate) struct Known {
    runs: HashMap<String, LoadedRun>,
    tasks: HashMap<String, (String, Name)>,
    roots: HashMap<(String, String), String>,
    /// What is known of workers whose leases run.
    workers: HashMap<WorkerIdentity, KnownWorker>,
    /// Runs whose rows the open transaction holds.
    held: HashSet<String>,
    /// Runs of which it wrote a task without holding them.
    noted: Vec<String>,
}

impl Known {
    /// Hands a run out to be advanced; [`Known::keep`] takes it back.
    pub(crate) fn take(&mut self, run_id: &str) -> Option<LoadedRun> {
        let mut run = self.runs.remove(run_id)?;
        run.remembered = true;
        Some(run)
    }

    pub(crate) fn keep(&mut self, run: LoadedRun) {
        if !run.remembered {
            for (name, task) in &run.tasks {
                self.tasks.insert(task.task_run_id.clone(), (run.run_id.clone(), name.clone()));
            }
        }
        self.runs.insert(run.run_id.clone(), run);
    }

    /// A task run that a run which is taken up has got.
    pub(crate) fn name_task(&mut self, task_run_id: &str, run_id: &str, task: &Name) {
        self.tasks.insert(task_run_id.to_owned(), (run_id.to_owned(), task.clone()));
    }

    /// Which task of which run it is.
    pub(crate) fn task(&self, task_run_id: &str) -> Option<&(String, Name)> {
        self.tasks.get(task_run_id)
    }

    pub(crate) fn worker(&self, worker: &WorkerIdentity) -> Option<&KnownWorker> {
        self.workers.get(worker)
    }

    pub(crate) fn keep_worker(&mut self, worker: &WorkerIdentity, known: KnownWorker) {
        self.workers.insert(worker.clone(), known);
    }

    /// The lease of a worker was renewed.
    pub(crate) fn keep_lease(&mut self, worker: &WorkerIdentity, until: Timestamp) {
        if let Some(known) = self.workers.get_mut(worker) {
            known.until = until;
        }
    }

    /// Workers may have gone.
    pub(crate) fn forget_workers(&mut self) {
        self.workers.clear();
    }

    pub(crate) fn revision(&self, run_id: &str) -> Option<i64> {
        self.runs.get(run_id).map(|run| run.revision)
    }

    /// Its project and DAG, where runs of it may go on beside one another.
    pub(crate) fn one_of_several(&self, run_id: &str) -> Option<(String, String)> {
        let run = self.runs.get(run_id).filter(|run| run.max_active > 1)?;
        Some((run.project.clone(), run.dag.clone()))
    }

    /// The open transaction handed out a task of this run.
    pub(crate) fn note(&mut self, run_id: &str) {
        if !self.held.contains(run_id) {
            self.noted.push(run_id.to_owned());
        }
    }

    /// The open transaction holds the row of this run.
    pub(crate) fn hold(&mut self, run_id: &str) {
        self.held.insert(run_id.to_owned());
    }

    /// The open transaction raised its revision, and so holds its row.
    pub(crate) fn raised(&mut self, run_id: &str) {
        if let Some(run) = self.runs.get_mut(run_id) {
            run.revision += 1;
            self.hold(run_id);
        }
    }

    pub(crate) fn holds(&self, run_id: &str) -> bool {
        self.held.contains(run_id)
    }

    pub(crate) fn root(&self, key: &(String, String)) -> Option<&String> {
        self.roots.get(key)
    }

    pub(crate) fn keep_root(&mut self, key: (String, String), root: String) {
        self.roots.insert(key, root);
    }

    /// A project was deployed: its snapshot may stand in another folder now.
    pub(crate) fn forget_roots(&mut self) {
        self.roots.clear();
    }

    pub(crate) fn forget(&mut self, run_id: &str) {
        if let Some(run) = self.runs.remove(run_id) {
            self.forget_tasks(&run);
        }
    }

    /// The transaction is durable: runs that ended are not needed any more.
    pub(crate) fn settle(&mut self) {
        self.noted.clear();
        for run_id in std::mem::take(&mut self.held) {
            if self.runs.get(&run_id).is_some_and(|run| run.snapshot.state.status().is_terminal()) {
                self.forget(&run_id);
            }
        }
        if self.tasks.len() > MAX_TASKS {
            self.forget_all();
        }
    }

    /// Forgets the runs that the open transaction took up.
    pub(crate) fn release(&mut self) {
        for run_id in std::mem::take(&mut self.held).into_iter().chain(std::mem::take(&mut self.noted)) {
            self.forget(&run_id);
        }
    }

    /// The transaction is undone.
    pub(crate) fn undo(&mut self) {
        self.release();
        self.roots.clear();
        self.workers.clear();
    }

    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    fn forget_tasks(&mut self, run: &LoadedRun) {
        for task in run.tasks.values() {
            self.tasks.remove(&task.task_run_id);
        }
    }
}
