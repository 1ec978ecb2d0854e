//! Makes what answers equal to what the registry says should answer: reads its state by long poll, loads what is new,
//! swaps, drops what is gone. A failure keeps what answers now, is recorded and is tried again where that can help.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_artifacts::Artifacts;
use daybreak_failpoints::crossing;
use daybreak_protocol::{Live, LiveModel, Orchestrator};
use daybreak_spec::Name;
use tokio::sync::watch;

use crate::copies::Copies;
use crate::load::{Source, load};
use crate::registry::{Entry, LoadFailure, Registry};
use crate::serving::Shared;
use crate::state_file;

/// The alias that answers.
const ALIAS: &str = "champion";
/// Longest wait for news.
const WAIT_MS: u64 = 20_000;
/// Longest wait while something is to be tried again.
const RETRY_WAIT_MS: u64 = 1_000;
/// An answer without news that comes sooner than this is not a long poll.
const TOO_SOON: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows until told to stop.
pub async fn follow(
    shared: &Shared,
    orchestrator: Arc<dyn Orchestrator>,
    artifacts: Artifacts,
    mut shutdown: watch::Receiver<bool>,
) {
    let copies = shared.keep_copies.then(|| Copies::of(&shared.data_dir));
    let mut follower = Follower { shared, source: Source { artifacts, copies }, saved: None, reachable: true };
    let mut cursor = -1;
    let mut retry = follower.start().await;
    let mut pause = TOO_SOON;
    loop {
        let asked = Instant::now();
        let wait_ms = if retry { RETRY_WAIT_MS } else { WAIT_MS };
        let answer = tokio::select! {
            () = told(&mut shutdown) => return,
            answer = orchestrator.live(cursor, wait_ms) => answer,
        };
        let rest = match answer {
            Ok(live) => {
                follower.set_reachable(None);
                let news = live.cursor != cursor;
                cursor = live.cursor;
                retry = follower.reconcile(live).await;
                pause = TOO_SOON;
                if news || asked.elapsed() >= TOO_SOON { Duration::ZERO } else { TOO_SOON }
            }
            Err(error) => {
                follower.set_reachable(Some(error.to_string()));
                pause = (pause * 2).min(LONGEST_PAUSE);
                pause
            }
        };
        if !rest.is_zero() {
            tokio::select! {
                () = told(&mut shutdown) => return,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }
}

async fn told(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone says the same.
    drop(shutdown.wait_for(|stop| *stop).await);
}

struct Follower<'a> {
    shared: &'a Shared,
    source: Source,
    saved: Option<Live>,
    reachable: bool,
}

impl Follower<'_> {
    /// Loads what was live when this process ended last.
    async fn start(&mut self) -> bool {
        let data_dir = self.data_dir();
        let read = tokio::task::spawn_blocking(move || state_file::read(&data_dir)).await;
        let Ok(Some(live)) = read else { return false };
        self.saved = Some(live.clone());
        self.reconcile(live).await
    }

    fn data_dir(&self) -> PathBuf {
        self.shared.data_dir.clone()
    }

    fn set_reachable(&mut self, error: Option<String>) {
        if self.reachable == error.is_none() {
            return;
        }
        self.reachable = error.is_none();
        match error {
            Some(error) => tracing::warn!(%error, "the orchestrator is away; what is live stays live"),
            None => tracing::info!("the orchestrator is back"),
        }
    }

    /// True when something is to be tried again.
    async fn reconcile(&mut self, live: Live) -> bool {
        let mut retry = false;
        let mut next = Registry { known: true, ..Registry::default() };
        for name in &live.models {
            next.models.insert(name.clone(), self.entry(name));
        }
        for wanted in live.live.iter().filter(|wanted| wanted.alias == ALIAS) {
            let name = &wanted.version.content.model;
            let mut entry = self.entry(name);
            retry |= self.bring_up(&mut entry, wanted).await;
            next.models.insert(name.clone(), entry);
        }
        let champions = |name: &Name| live.live.iter().any(|it| it.alias == ALIAS && it.version.content.model == *name);
        for (name, entry) in &mut next.models {
            if !champions(name) {
                *entry = Entry::default();
            }
        }
        let answering = answering(&live, &next);
        self.shared.live.replace(next);
        self.save(answering).await;
        self.drop_copies().await;
        retry
    }

    /// Copies of what this process would not start with again.
    async fn drop_copies(&self) {
        let (Some(copies), Some(saved)) = (self.source.copies.clone(), &self.saved) else { return };
        let objects: BTreeSet<String> = saved.live.iter().map(|it| it.version.content.object.clone()).collect();
        drop(tokio::task::spawn_blocking(move || copies.keep_only(&objects)).await);
    }

    fn entry(&self, name: &Name) -> Entry {
        self.shared.live.now().models.get(name).cloned().unwrap_or_default()
    }

    /// Makes an entry answer with the wanted version; true when that is to be tried again.
    async fn bring_up(&self, entry: &mut Entry, wanted: &LiveModel) -> bool {
        if entry.loaded.as_ref().is_some_and(|loaded| loaded.live == *wanted) {
            entry.failure = None;
            return false;
        }
        if entry.failure.as_ref().is_some_and(|failure| failure.wanted == *wanted && !failure.retry) {
            return false;
        }
        let (model, version) = (&wanted.version.content.model, wanted.version.version);
        let (online, now) = (Arc::clone(&self.shared.online), self.shared.clock.real_now());
        let started = Instant::now();
        match load(&self.source, online, wanted, now).await {
            Ok(loaded) => {
                let duration_ms = started.elapsed().as_millis();
                crossing!("cp17.before");
                tracing::info!(%model, version, duration_ms, "model is live");
                *entry = Entry { loaded: Some(Arc::new(loaded)), failure: None };
                false
            }
            Err(failure) => {
                report(entry.failure.as_ref(), &failure);
                let retry = failure.retry;
                entry.failure = Some(failure);
                retry
            }
        }
    }

    async fn save(&mut self, live: Live) {
        let same = |saved: &Live| saved.models == live.models && saved.live == live.live;
        if self.saved.as_ref().is_some_and(same) {
            return;
        }
        crossing!("cp17.after");
        let (data_dir, copy) = (self.data_dir(), live.clone());
        let written = tokio::task::spawn_blocking(move || state_file::write(&data_dir, &copy)).await;
        match written {
            Ok(Ok(())) => self.saved = Some(live),
            Ok(Err(error)) => tracing::warn!(%error, "the state of the registry could not be saved"),
            Err(error) => tracing::warn!(%error, "the state of the registry could not be saved"),
        }
    }
}

/// What a start should begin with: a version that could not be loaded leaves the one that answers in its place.
fn answering(live: &Live, registry: &Registry) -> Live {
    let mut answering = live.clone();
    for it in answering.live.iter_mut().filter(|it| it.alias == ALIAS) {
        let loaded = registry.models.get(&it.version.content.model).and_then(|entry| entry.loaded.as_ref());
        if let Some(loaded) = loaded {
            *it = loaded.live.clone();
        }
    }
    answering
}

/// Logs a failure once, not at every try.
fn report(before: Option<&LoadFailure>, failure: &LoadFailure) {
    let known = before.is_some_and(|before| before.wanted == failure.wanted && before.reason == failure.reason);
    if !known {
        let (model, version) = (&failure.wanted.version.content.model, failure.wanted.version.version);
        tracing::error!(%model, version, reason = %failure.reason, "model could not be loaded; what answers stays");
    }
}
