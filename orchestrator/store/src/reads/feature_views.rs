//! Reads of feature views: the publication of each that is in service, and its newest build. Skips from view to view, so that
//! it costs what there are of views, not of nights.

use std::collections::BTreeMap;

use daybreak_protocol::{BuildRecord, PublicationView};
use daybreak_spec::{Name, Timestamp};

use super::catalogue::build;
use crate::database::{Snapshot, query};
use crate::load::{count, name};
use crate::{Error, Store};

/// What is recorded of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedView {
    /// Its newest build.
    pub latest_build: Option<BuildRecord>,
    /// How many instants it was built for, counted once for each definition.
    pub builds: u64,
    /// The publication that is in service.
    pub publication: Option<PublicationView>,
}

impl Store {
    /// What is recorded of a project's views, those that nothing is recorded of left out.
    pub async fn recorded_views(&self, project: &Name) -> Result<BTreeMap<Name, RecordedView>, Error> {
        let mut snapshot = self.readers.begin().await?;
        let mut found: BTreeMap<Name, RecordedView> = BTreeMap::new();
        let rows = query(
            "WITH RECURSIVE found (view) AS (SELECT (SELECT view FROM build WHERE project = $1 ORDER BY view LIMIT 1) \
             UNION ALL SELECT (SELECT view FROM build WHERE project = $1 AND build.view > found.view \
             ORDER BY view LIMIT 1) FROM found WHERE found.view IS NOT NULL) \
             SELECT build.view, build.as_of_us, build.definition_hash, build.object, build.row_count, build.size_bytes, \
             (SELECT COUNT(*) FROM build AS first_one WHERE first_one.project = $1 AND first_one.view = found.view \
             AND first_one.number = 1) AS builds FROM found JOIN build ON build.project = $1 \
             AND build.view = found.view AND build.as_of_us = (SELECT MAX(newest.as_of_us) FROM build AS newest \
             WHERE newest.project = $1 AND newest.view = found.view) ORDER BY build.created_at_us, build.number",
        )
        .bind(project.as_str())
        .fetch_all(&mut snapshot)
        .await?;
        for row in &rows {
            // The last one made of those for the newest instant stays.
            let view = found.entry(name(row.try_get("view")?)?).or_default();
            view.latest_build = Some(build(row)?);
            view.builds = count(row, "builds")?;
        }
        for (view, publication) in in_service(&mut snapshot, project).await? {
            found.entry(view).or_default().publication = Some(publication);
        }
        Ok(found)
    }
}

/// The publication of each view that is in service: of the newest instant, and of those the last one. One whose attempt
/// failed may have been left half-way, and one whose attempt goes on may not be whole yet.
pub(super) async fn in_service(
    snapshot: &mut Snapshot,
    project: &Name,
) -> Result<BTreeMap<Name, PublicationView>, Error> {
    let rows = query(
        "WITH RECURSIVE found (view) AS (SELECT (SELECT view FROM publication WHERE project = $1 ORDER BY view LIMIT 1) \
         UNION ALL SELECT (SELECT view FROM publication WHERE project = $1 AND publication.view > found.view \
         ORDER BY view LIMIT 1) FROM found WHERE found.view IS NOT NULL) \
         SELECT publication.view, publication.number, publication.as_of_us, publication.minted_at_us, task_run.run_id \
         FROM found JOIN publication ON publication.project = $1 AND publication.view = found.view \
         AND publication.number = (SELECT newest.number FROM publication AS newest WHERE newest.project = $1 \
         AND newest.view = found.view AND NOT EXISTS (SELECT 1 FROM failed_attempt \
         WHERE failed_attempt.task_run_id = newest.task_run_id AND failed_attempt.fence = newest.fence \
         AND failed_attempt.state_after <> 'waiting') AND NOT EXISTS (SELECT 1 FROM task_run AS maker \
         WHERE maker.task_run_id = newest.task_run_id AND maker.fence = newest.fence AND maker.state = 'running') \
         ORDER BY newest.as_of_us DESC, newest.number DESC LIMIT 1) \
         JOIN task_run ON task_run.task_run_id = publication.task_run_id",
    )
    .bind(project.as_str())
    .fetch_all(snapshot)
    .await?;
    rows.iter()
        .map(|row| {
            let publication = PublicationView {
                number: row.try_get("number")?,
                as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
                minted_at: Timestamp::from_micros(row.try_get("minted_at_us")?),
                run_id: row.try_get("run_id")?,
            };
            Ok((name(row.try_get("view")?)?, publication))
        })
        .collect()
}
