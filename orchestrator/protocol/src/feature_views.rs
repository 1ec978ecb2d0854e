//! Feature views as they stand: what they hold, their newest build and publication, and whether that is fresh. Plain data.

use daybreak_spec::{ColumnType, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::BuildRecord;
use crate::page::rows_of_page;

/// Which views are listed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ViewsQuery {
    /// Views after this one: `next` of the page before.
    pub after: Option<Name>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl ViewsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of views, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewList {
    /// Those that the live version declares.
    pub views: Vec<ViewStanding>,
    /// `after` of the next page; none on the last.
    pub next: Option<Name>,
}

/// A view and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewStanding {
    /// The view.
    pub name: Name,
    /// The entity; none = one row for all.
    pub entity: Option<Name>,
    /// Key columns in order.
    pub keys: Vec<String>,
    /// The sources that it reads.
    pub sources: Vec<Name>,
    /// Largest age at which a value may be used, microseconds; none = any.
    pub ttl_us: Option<u64>,
    /// Its features. Those of a view in SQL, and types that only the sources' files tell, are known once a server has checked
    /// the project.
    pub features: Vec<FeatureColumn>,
    /// Its newest build.
    pub latest_build: Option<BuildRecord>,
    /// The publication that is in service: of the newest instant, whichever came last.
    pub publication: Option<PublicationView>,
    /// The last instant of business time at which that is fresh; none without a publication or a ttl. Values of `latest` are
    /// measured from their rows' event times and may expire before.
    pub fresh_until: Option<Timestamp>,
    /// It is published, and not older than its ttl at business time.
    pub fresh: bool,
    /// How many instants it was built for, counted once for each definition.
    pub builds: u64,
}

/// A feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeatureColumn {
    /// Its name.
    pub name: String,
    /// Its type, where that is known.
    #[serde(rename = "type")]
    pub column_type: Option<ColumnType>,
}

/// A complete set of online rows of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicationView {
    /// Rises with every publication of the view.
    pub number: i64,
    /// T.
    pub as_of: Timestamp,
    /// Real time at which its number was given out.
    pub minted_at: Timestamp,
    /// The run that published it.
    pub run_id: String,
}
