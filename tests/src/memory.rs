//! A server in memory, as far as tasks ask it: for tests and floors that run tasks without one. Keeps what it is given and
//! decides nothing.

use std::sync::Mutex;

use async_trait::async_trait;
use daybreak_protocol::{
    AliasMove, Assignment, BuildRecord, Error, Heartbeat, HeartbeatReply, Live, MintPublication, ModelVersionRecord,
    NewModelVersion, Orchestrator, Poll, Register, Registration, Report, TaskResult,
};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, Value as Json};

/// Records of builds, versions and aliases.
#[derive(Default)]
pub struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    builds: Vec<BuildRecord>,
    versions: Vec<ModelVersionRecord>,
    aliases: Vec<AliasMove>,
    publications: i64,
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().expect("no panic while held"))
    }

    /// What the server does with the result of a task that succeeded; its outputs as later tasks see them.
    pub fn keep(&self, result: &TaskResult) -> Map<String, Json> {
        let mut outputs = result.outputs.clone();
        self.with(|state| state.builds.extend(result.builds.iter().cloned()));
        if let Some(content) = result.model_version.clone() {
            outputs.insert("version".into(), self.number(content).into());
        }
        if let Some(moved) = result.alias_move.clone() {
            self.with(|state| state.aliases.push(moved));
        }
        outputs
    }

    fn number(&self, content: NewModelVersion) -> u32 {
        self.with(|state| {
            let version = u32::try_from(state.versions.len()).expect("few") + 1;
            state.versions.push(ModelVersionRecord { version, run_id: "run".into(), content });
            version
        })
    }

    /// All builds recorded so far.
    pub fn all_builds(&self) -> Vec<BuildRecord> {
        self.with(|state| state.builds.clone())
    }
}

fn not_asked<T>() -> Result<T, Error> {
    Err(Error::Refused("tasks do not ask this".into()))
}

#[async_trait]
impl Orchestrator for Memory {
    async fn register(&self, _: Register) -> Result<Registration, Error> {
        not_asked()
    }
    async fn poll(&self, _: Poll) -> Result<Vec<Assignment>, Error> {
        not_asked()
    }
    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, Error> {
        not_asked()
    }
    async fn report(&self, _: Report) -> Result<(), Error> {
        not_asked()
    }
    async fn live(&self, _: i64, _: u64) -> Result<Live, Error> {
        not_asked()
    }

    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        let wanted = |build: &&BuildRecord| build.view == *view && (from..=to).contains(&build.as_of);
        let mut builds: Vec<BuildRecord> = self.with(|state| state.builds.iter().filter(wanted).cloned().collect());
        builds.sort_by_key(|build| build.as_of);
        Ok(builds)
    }

    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        let wanted = |record: &&ModelVersionRecord| record.version == version && record.content.model == *model;
        let found = self.with(|state| state.versions.iter().find(wanted).cloned());
        found.ok_or_else(|| Error::NotFound(format!("model `{model}` has no version {version}")))
    }

    async fn alias(&self, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        let wanted = |moved: &&AliasMove| moved.model == *model && moved.alias == alias;
        let newest = self.with(|state| state.aliases.iter().rev().find(wanted).map(|moved| moved.version));
        match newest {
            Some(version) => self.model_version(model, version).await.map(Some),
            None => Ok(None),
        }
    }

    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        if request.fence != 1 {
            return Err(Error::StaleAttempt);
        }
        Ok(self.with(|state| {
            state.publications += 1;
            state.publications
        }))
    }
}
