//! The keys of schedules and calendars. To add one: a line in its table and the line in `decode/schedule.rs` that reads it.

use super::Presence::{Optional, Required};
use super::{Shape, Table, key};

/// `missed:`
pub(crate) const MISSED: &[&str] = &["none", "last", "all"];
/// `gap:` of `dst`
pub(crate) const GAP: &[&str] = &["run_after", "skip"];
/// `overlap:` of `dst`
pub(crate) const REPEAT: &[&str] = &["first", "both"];
/// Most missed firings that a cap may keep.
pub(crate) const MAX_CAP: i64 = 10_000;
/// `overlap:`
pub(crate) const OVERLAP: &[&str] = &["queue", "skip", "cancel_previous"];
/// `day_match:`
pub(crate) const DAY_MATCH: &[&str] = &["or", "and"];

/// A schedule.
pub(crate) const SCHEDULE: Table = Table {
    id: "schedule",
    doc: "When a DAG fires",
    keys: &[
        key("cron", Shape::Text, Required, "Five or six fields, or an alias such as @daily"),
        key("timezone", Shape::Text, Optional, "IANA zone such as America/New_York; default: UTC"),
        key("start", Shape::WallTime, Optional, "First wall-clock time in the zone that may fire"),
        key("end", Shape::WallTime, Optional, "Wall-clock time in the zone from which on nothing fires"),
        key(
            "day_match",
            Shape::Words(DAY_MATCH),
            Optional,
            "How day of month and day of week combine where both are restricted; default: or",
        ),
        key("dst", Shape::Map(&DST), Optional, "What a fixed time does on days on which clocks jump"),
        key("exclude", DATES, Optional, "Local dates that do not fire"),
        key("only", DATES, Optional, "The only local dates that fire"),
        key(
            "jitter",
            Shape::Duration,
            Optional,
            "Starts each firing up to so much later, always alike for the same instant; instant and window stay",
        ),
        key("allow_frequent", Shape::Flag, Optional, "Whether it may fire more often than every 10 seconds"),
        key(
            "missed",
            Shape::Either(&[Shape::Words(MISSED), Shape::Map(&MISSED_POLICY)]),
            Optional,
            "Firings missed while the server was down or the DAG paused; default: none",
        ),
        key("overlap", Shape::Words(OVERLAP), Optional, "A firing while a run is active; default: queue"),
    ],
    others: None,
};

/// `exclude:` and `only:` of a schedule.
const DATES: Shape = Shape::OneOrMany(&Shape::Either(&[Shape::Date, Shape::Map(&CALENDAR_REFERENCE)]));

/// A calendar that stands in a file.
pub(crate) const CALENDAR: Table = Table {
    id: "calendar",
    doc: "A calendar in a file of its own",
    keys: &[key("path", Shape::Path, Required, "The file: one date per line, `#` begins a comment")],
    others: None,
};

/// The dates of a calendar.
pub(crate) const CALENDAR_REFERENCE: Table = Table {
    id: "calendar_reference",
    doc: "All dates of a calendar",
    keys: &[key("calendar", Shape::Name, Required, "The calendar")],
    others: None,
};

/// `dst:` of a schedule.
pub(crate) const DST: Table = Table {
    id: "dst",
    doc: "What a fixed time does on days on which clocks jump; `*` in the minute or hour follows real time anyway",
    keys: &[
        key("gap", Shape::Words(GAP), Optional, "A time that does not exist; default: run_after"),
        key("overlap", Shape::Words(REPEAT), Optional, "A time that comes twice; default: first"),
    ],
    others: None,
};

/// `missed:` of a schedule in its long form.
pub(crate) const MISSED_POLICY: Table = Table {
    id: "missed",
    doc: "What happens to missed firings",
    keys: &[
        key("policy", Shape::Words(MISSED), Required, "none, last or all"),
        key("cap", Shape::Integer(1, MAX_CAP), Optional, "With `all`: only the newest so many run"),
    ],
    others: None,
};
