//! How long the log is kept. Whole files go, the oldest first, and never the one that is being written: a file goes when
//! every prediction in it is older than `keep`, or when the log takes more room than it may. The ids' times decide.

use std::io;
use std::path::Path;

use crate::log::segment::{self, SEGMENT_BYTES, Segment};

/// Ids are minted before they are queued, so one may stand a little after its time.
pub const SLACK_MS: u64 = 60_000;
/// A file covers at most this part of `keep`, so that little is kept much longer.
const PARTS_OF_KEEP: u64 = 16;
/// A file takes at most this part of the room.
const PARTS_OF_SIZE: u64 = 8;

/// How long predictions are kept: until the first of the two limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Every prediction is kept at least so long.
    pub keep_ms: u64,
    /// Unless the log takes more than this on the disk.
    pub max_bytes: u64,
}

impl Retention {
    /// Whether a file of this length takes no more records, because of them or of its age.
    pub fn is_full(self, segment: &Segment, length: u64, now_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(segment.start_ms);
        length >= SEGMENT_BYTES.min(self.max_bytes / PARTS_OF_SIZE)
            || age_ms > (self.keep_ms / PARTS_OF_KEEP).max(SLACK_MS)
    }

    /// Removes what need not be kept, or must not.
    pub fn apply(self, folder: &Path, now_ms: u64) -> io::Result<()> {
        let segments = segment::list(folder)?;
        let mut sizes = Vec::with_capacity(segments.len());
        for segment in &segments {
            sizes.push(segment.path(folder).metadata()?.len());
        }
        let mut total: u64 = sizes.iter().sum();
        let (mut expired, mut crowded) = (0_u32, 0_u32);
        for ((segment, next), size) in segments.iter().zip(&segments[1.min(segments.len())..]).zip(sizes) {
            let newest_ms = segment.start_ms.max(next.start_ms).saturating_add(SLACK_MS);
            let is_expired = newest_ms.saturating_add(self.keep_ms) < now_ms;
            if !is_expired && total <= self.max_bytes {
                break;
            }
            std::fs::remove_file(segment.path(folder))?;
            total -= size;
            *(if is_expired { &mut expired } else { &mut crowded }) += 1;
        }
        if expired > 0 {
            tracing::info!(files = expired, "the prediction log let go of predictions older than `predictions: keep`");
        }
        if crowded > 0 {
            tracing::warn!(
                files = crowded,
                "the prediction log is full: its oldest predictions went before `predictions: keep` was over; raise \
                 `max_size` in daybreak.yaml to keep more"
            );
        }
        Ok(())
    }
}
