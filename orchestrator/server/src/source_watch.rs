//! Watching the files of sources that DAGs listen to: names, lengths and times, never what they hold. A change counts once two
//! looks in a row have found the same, so that what is being written still is left until it rests. What is known of a
//! source's files stands in the store, so what changes while no server runs is seen by the next one. Files that are gone
//! altogether are no update.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::UNIX_EPOCH;

use daybreak_spec::{Name, Stamp};
use daybreak_store::SourceLook;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::{Error, Schedules, Server};

impl Server {
    /// Looks at the files of sources until shut down.
    pub(crate) async fn run_source_watch(&self, mut shutdown: watch::Receiver<bool>) {
        let mut last: BTreeMap<Name, String> = BTreeMap::new();
        loop {
            if let Err(error) = self.look_at_sources(&mut last).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the files of sources are looked at again");
            }
            tokio::select! {
                () = tokio::time::sleep(self.timings.sources) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// `last`: what the look before found.
    async fn look_at_sources(&self, last: &mut BTreeMap<Name, String>) -> Result<(), Error> {
        if self.schedules == Schedules::Resting || !self.leads() {
            last.clear();
            return Ok(());
        }
        let Ok(deployed) = self.deployed() else { return Ok(()) };
        let Some(folder) = self.source.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        for (name, source) in &deployed.heard_sources {
            let files = match folder.files(source, &deployed.data_roots).await {
                Ok(files) => files,
                Err(why) => {
                    tracing::debug!(source.name = %name, why, "a source has no files to look at");
                    continue;
                }
            };
            let now = stamp_of(&files);
            let rests = last.insert(name.clone(), now.clone()).as_ref() == Some(&now);
            let was = self.store.source_stamp(deployed.name(), name).await?;
            // The very first look is what later ones are held against.
            if was.as_ref() == Some(&now) || (was.is_some() && !rests) {
                continue;
            }
            let (project, source) = (deployed.name().clone(), name.clone());
            match self.store.look_at_source(SourceLook { project, source, was, stamp: now, epoch: self.epoch() }).await
            {
                Ok(()) | Err(daybreak_store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn stamp_of(files: &[(PathBuf, Stamp)]) -> String {
    let mut hash = Sha256::new();
    for (path, stamp) in files {
        let modified = stamp.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(stamp.length.to_le_bytes());
        hash.update(modified.as_nanos().to_le_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
