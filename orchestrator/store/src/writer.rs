//! The one task that writes. Commands queue; each commit takes what queued while the previous one was made durable, at
//! most [`MAX_BATCH`], and never waits for more. How a batch is committed is `batch.rs`'s business; here is the loop around
//! it: what queues, who is told, what is done when things are quiet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use daybreak_failpoints::crossing;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::Effect;
use crate::batch::{Batches, Entry};
use crate::claims::WaitingClaim;
use crate::tx::Job;

const MAX_BATCH: usize = 256;

/// Quiet time after which the log is folded into the database file, and how long at least between two foldings.
const QUIET: Duration = Duration::from_millis(250);
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(5);

/// How often a shared database is looked at for what other servers did, give or take a fifth.
const BETWEEN_LOOKS: f64 = 1.0;

/// What reaches the writer.
pub(crate) enum Message {
    Command(Box<dyn Job>),
    Claim(WaitingClaim),
    Close(oneshot::Sender<()>),
}

pub(crate) struct Writer {
    pub batches: Batches,
    pub receiver: mpsc::UnboundedReceiver<Message>,
    pub effects: broadcast::Sender<Effect>,
    /// Why the database cannot be used at the moment.
    pub away: watch::Sender<Option<String>>,
}

/// Why the writer turns.
enum Turn {
    Message(Message),
    /// Time to look what other servers did.
    Look,
    /// The store was dropped.
    End,
}

impl Writer {
    /// Serves until the store is closed or dropped.
    pub(crate) async fn run(mut self) {
        let mut backlog: VecDeque<Box<dyn Job>> = VecDeque::new();
        let until_look = Duration::from_secs_f64(BETWEEN_LOOKS);
        let mut quiet = Quiet { folded: Instant::now(), looked: Instant::now(), until_look };
        loop {
            let mut intake = Intake { jobs: backlog.drain(..).collect(), claimants: false, closing: None };
            if intake.jobs.is_empty() {
                match self.next_turn(&mut quiet).await {
                    Turn::Message(message) => intake.take(message, &mut self.batches),
                    Turn::Look => {}
                    Turn::End => return self.batches.close().await,
                }
            }
            // However busy this server is, it looks what the others did.
            if self.batches.tx.is_shared() && quiet.looked.elapsed() >= quiet.until_look {
                self.look(&mut quiet);
                intake.claimants = true;
            }
            while intake.jobs.len() < MAX_BATCH && intake.closing.is_none() {
                let Ok(message) = self.receiver.try_recv() else { break };
                intake.take(message, &mut self.batches);
            }
            let Intake { jobs, claimants, closing } = intake;
            if !jobs.is_empty() || claimants {
                backlog = self.commit(jobs, claimants).await;
            }
            if let Some(closed) = closing {
                self.batches.close().await;
                let _ = closed.send(());
                return;
            }
        }
    }

    /// What other servers did may have made tasks ready, ended runs and moved projects.
    fn look(&mut self, quiet: &mut Quiet) {
        quiet.looked = Instant::now();
        let wait = BETWEEN_LOOKS * (0.8 + 0.4 * self.batches.tx.sources.uniform());
        quiet.until_look = Duration::from_secs_f64(wait);
        self.batches.waiting.look_again();
        self.batches.tx.known.forget_roots();
        let _ = self.effects.send(Effect::Elsewhere);
    }

    /// Waits for what is to be done next, folding SQLite's log in first when things are quiet.
    async fn next_turn(&mut self, quiet: &mut Quiet) -> Turn {
        if self.batches.tx.is_shared() {
            let left = quiet.until_look.saturating_sub(quiet.looked.elapsed());
            return match tokio::time::timeout(left, self.receiver.recv()).await {
                Ok(message) => message.map_or(Turn::End, Turn::Message),
                Err(_) => Turn::Look,
            };
        }
        if quiet.folded.elapsed() >= BETWEEN_CHECKPOINTS {
            match tokio::time::timeout(QUIET, self.receiver.recv()).await {
                Ok(message) => return message.map_or(Turn::End, Turn::Message),
                Err(_) => self.batches.checkpoint().await,
            }
            quiet.folded = Instant::now();
        }
        self.receiver.recv().await.map_or(Turn::End, Turn::Message)
    }

    /// Commits one batch and answers it. Returns what has to be put right next (work handed to somebody who had gone).
    async fn commit(&mut self, jobs: Vec<Box<dyn Job>>, claimants: bool) -> VecDeque<Box<dyn Job>> {
        let mut jobs: Vec<Entry> = jobs.into_iter().map(Entry::new).collect();
        match self.batches.write(&mut jobs, claimants).await {
            Ok(effects) => {
                self.tell(None);
                crossing!("cp12.after");
                for effect in effects {
                    let _ = self.effects.send(effect);
                }
                let undelivered = self.batches.waiting.deliver();
                jobs.into_iter().for_each(|entry| entry.job.finish(Ok(())));
                undelivered
            }
            Err(unwritten) => {
                self.tell(unwritten.away());
                jobs.into_iter().for_each(|entry| entry.job.finish(Err(unwritten.error())));
                VecDeque::new()
            }
        }
    }

    /// Says once that the database went away, and once that it is back.
    fn tell(&self, away: Option<String>) {
        self.away.send_if_modified(|known| {
            match (&known, &away) {
                (None, Some(reason)) => tracing::warn!("{reason}; work goes on by itself then"),
                (Some(_), None) => tracing::info!("the state database is back"),
                _ => return false,
            }
            *known = away;
            true
        });
    }
}

/// When the writer last did what it does when things are quiet.
struct Quiet {
    folded: Instant,
    looked: Instant,
    until_look: Duration,
}

/// What one turn takes up.
struct Intake {
    jobs: Vec<Box<dyn Job>>,
    claimants: bool,
    closing: Option<oneshot::Sender<()>>,
}

impl Intake {
    fn take(&mut self, message: Message, batches: &mut Batches) {
        match message {
            Message::Command(job) => self.jobs.push(job),
            Message::Claim(claim) => {
                self.claimants |= batches.waiting.add(claim, &batches.tx);
            }
            Message::Close(closed) => self.closing = Some(closed),
        }
    }
}
