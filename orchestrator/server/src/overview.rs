//! The home page in one answer: what the rows say of how things stand, and what the live version and business time make of it.
//! To add something that needs somebody: a statement in the store's `reads/overview.rs`, or a function here where the
//! schedules or declarations tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use daybreak_protocol::{Attention, LiveAlias, Me, NextFiring, Overview, PublicationView, Role};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::Pause;

use crate::deployed::{CompiledDag, Deployed};
use crate::feature_views::{fresh_until, is_fresh};
use crate::origin::Origin;
use crate::{Error, Server};

/// A firing that has been due for so long and has no run is late.
const LATE_US: i64 = 60_000_000;

/// Of what is wrong with the project's files.
const LINES_OF_PROBLEMS: usize = 20;

/// What comes of a DAG's schedules.
#[derive(Default)]
struct Coming {
    /// The oldest firing that is late.
    late: Option<Timestamp>,
    /// The next one, and the place of its schedule.
    next: Option<(Timestamp, usize)>,
}

impl Server {
    /// Whoever asks.
    ///
    /// # Errors
    /// While nothing is deployed.
    pub fn me(&self, from: &Origin) -> Result<Me, Error> {
        let identity = from.identity();
        Ok(Me {
            name: from.name().to_owned(),
            // This process may do everything.
            role: identity.map_or(Role::Admin, |identity| identity.role),
            token_id: identity.and_then(|identity| identity.token_id.clone()),
            project: self.deployed()?.name().clone(),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// How things stand.
    ///
    /// # Errors
    /// While nothing is deployed, and when the state does not answer.
    pub async fn overview(&self) -> Result<Overview, Error> {
        let deployed = self.deployed()?;
        let project = deployed.name();
        let standings = self.store.standings(project).await?;
        let (cursors, pauses) = (self.store.cursors(project).await?, self.store.pauses(project).await?);
        let clock = self.clock_view();
        let (of_schedules, now) = (deployed.clone(), clock.business_now);
        // Thousands of DAGs take a while.
        let looking = tokio::task::spawn_blocking(move || firings(&of_schedules, &cursors, &pauses, now)).await;
        let (late, next_firings) = looking.map_err(|_| Error::Busy("the server is ending".to_owned()))?;
        let mut attention = standings.attention;
        attention.extend(late);
        attention.extend(stale_views(&deployed, &standings.publications, &standings.live, clock.business_now));
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        attention.extend(problems.map(|problems| Attention::ProjectProblems { text: beginning(&problems.words) }));
        Ok(Overview {
            business_now: clock.business_now,
            real_now: clock.real_now,
            simulated: clock.simulated,
            attention,
            running: standings.running,
            active_runs: standings.active_runs,
            next_firings,
            live: standings.live,
        })
    }
}

/// The first lines: the whole is in the project's view.
fn beginning(words: &str) -> String {
    words.lines().take(LINES_OF_PROBLEMS).map(|line| line.chars().take(400).collect::<String>() + "\n").collect()
}

/// Firings that are late, and those that come next.
fn firings(
    deployed: &Deployed,
    cursors: &BTreeMap<(Name, u32), Timestamp>,
    pauses: &BTreeMap<Name, Pause>,
    now: Timestamp,
) -> (Vec<Attention>, Vec<NextFiring>) {
    let (mut late, mut next) = (Vec::new(), Vec::new());
    for (name, dag) in &deployed.dags {
        let paused = pauses.contains_key(name);
        let coming = coming(dag, |place| cursors.get(&(name.clone(), place)).copied(), now);
        late.extend(coming.late.filter(|_| !paused).map(|due| Attention::LateFiring { dag: name.clone(), due }));
        next.extend(coming.next.map(|(at, place)| (at, name, place, paused)));
    }
    late.truncate(Overview::MAX_ATTENTION);
    next.sort();
    let shown = |(at, name, place, paused): (Timestamp, &Name, usize, bool)| NextFiring {
        dag: name.clone(),
        at,
        timezone: deployed.dags[name].firings.schedules()[place].zone().name().to_owned(),
        paused,
    };
    (late, next.into_iter().take(Overview::MAX_FIRINGS).map(shown).collect())
}

/// A firing behind its schedule's cursor has been dealt with: it has its run, or its policy has left it out.
fn coming(dag: &CompiledDag, cursor: impl Fn(u32) -> Option<Timestamp>, now: Timestamp) -> Coming {
    let mut coming = Coming::default();
    for ((number, place), schedule) in (0_u32..).zip(0_usize..).zip(dag.firings.schedules()) {
        let open = schedule.next_after(cursor(number).unwrap_or(now));
        let is_late = |at: &Timestamp| schedule.starts_at(*at).plus_micros(LATE_US) < now;
        if let Some(late) = open.filter(is_late) {
            coming.late = Some(coming.late.map_or(late, |other| other.min(late)));
        }
        let ahead = open.filter(|at| *at > now).or_else(|| schedule.next_after(now));
        let sooner = |at: &Timestamp| coming.next.is_none_or(|(other, _)| *at < other);
        if let Some(at) = ahead.filter(sooner) {
            coming.next = Some((at, place));
        }
    }
    coming
}

/// Views whose publication has expired, and those that live models read and nobody has published.
fn stale_views(
    deployed: &Deployed,
    publications: &BTreeMap<Name, PublicationView>,
    live: &[LiveAlias],
    now: Timestamp,
) -> Vec<Attention> {
    let models: BTreeSet<&Name> = live.iter().map(|alias| &alias.model).collect();
    let read = deployed.views_of_models.iter().filter(|(model, _)| models.contains(model));
    let read: BTreeSet<&Name> = read.flat_map(|(_, views)| views).collect();
    let mut stale = Vec::new();
    for (name, view) in &deployed.views {
        let publication = publications.get(name);
        let is_stale = match publication {
            Some(publication) => !is_fresh(view, publication, now),
            None => read.contains(name),
        };
        if is_stale {
            stale.push(Attention::StaleView {
                view: name.clone(),
                as_of: publication.map(|publication| publication.as_of),
                fresh_until: publication.and_then(|publication| fresh_until(view, publication)),
            });
        }
    }
    stale.truncate(Overview::MAX_ATTENTION);
    stale
}
