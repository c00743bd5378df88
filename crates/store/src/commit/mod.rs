//! Commits: a queue, and one committer that checks, orders, groups and writes.

pub(crate) mod committer;
pub(crate) mod dictionary;
pub(crate) mod group;
pub(crate) mod queue;
pub(crate) mod recent;

use crate::engine::memory::is_empty;
use crate::engine::{KeyRange, OwnedRange};

/// Asks `any` about a range that was read, unless the range is empty.
pub(crate) fn touches(range: &OwnedRange, any: impl FnOnce(KeyRange<'_>) -> bool) -> bool {
    let range = (
        range.0.as_ref().map(Vec::as_slice),
        range.1.as_ref().map(Vec::as_slice),
    );
    !is_empty(range) && any(range)
}
