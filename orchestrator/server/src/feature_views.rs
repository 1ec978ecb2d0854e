//! Feature views as they stand: what the live version declares beside what is recorded of them, judged at business time.

use std::ops::Bound;

use daybreak_protocol::{PublicationView, ViewList, ViewStanding, ViewsQuery};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::RecordedView;

use crate::declared::DeclaredView;
use crate::{Error, Server};

impl Server {
    /// A page of the views of the live version, by name.
    ///
    /// # Errors
    /// While nothing is deployed, and when the state does not answer.
    pub async fn views(&self, wanted: &ViewsQuery) -> Result<ViewList, Error> {
        let (deployed, limit) = (self.deployed()?, wanted.effective_limit() as usize);
        let mut recorded = self.store.recorded_views(deployed.name()).await?;
        let now = self.clock.business_now();
        let behind = wanted.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut further = deployed.views.range::<Name, _>((behind, Bound::Unbounded));
        let page = further.by_ref().take(limit);
        let views: Vec<ViewStanding> =
            page.map(|(name, view)| standing(name, view, recorded.remove(name).unwrap_or_default(), now)).collect();
        let next = further.next().and_then(|_| views.last().map(|view| view.name.clone()));
        Ok(ViewList { views, next })
    }
}

fn standing(name: &Name, view: &DeclaredView, recorded: RecordedView, now: Timestamp) -> ViewStanding {
    let publication = recorded.publication;
    ViewStanding {
        name: name.clone(),
        entity: view.entity.clone(),
        keys: view.keys.clone(),
        sources: view.sources.clone(),
        ttl_us: view.ttl_us.map(i64::unsigned_abs),
        features: view.features.clone(),
        latest_build: recorded.latest_build,
        fresh_until: publication.as_ref().and_then(|publication| fresh_until(view, publication)),
        fresh: publication.as_ref().is_some_and(|publication| is_fresh(view, publication, now)),
        publication,
        builds: recorded.builds,
    }
}

/// The last instant at which what was published for T is fresh, if it ever expires.
pub(crate) fn fresh_until(view: &DeclaredView, publication: &PublicationView) -> Option<Timestamp> {
    view.ttl_us.map(|ttl_us| publication.as_of.plus_micros(ttl_us))
}

/// As the endpoint judges a value that is as new as its publication: an age equal to the ttl is fresh.
pub(crate) fn is_fresh(view: &DeclaredView, publication: &PublicationView, now: Timestamp) -> bool {
    fresh_until(view, publication).is_none_or(|until| now <= until)
}
