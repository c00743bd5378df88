//! The rows written lately, to check what transactions read against.

use crate::commit::touches;
use crate::fact::Position;
use crate::tx::ReadSet;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Which position wrote each row last, as far back as the window goes.
pub(crate) struct Recent {
    rows: BTreeMap<Arc<[u8]>, Position>,
    order: VecDeque<(Position, Arc<[u8]>)>,
    /// Writes at or before this position may have been forgotten.
    floor: Position,
    rows_max: usize,
}

impl Recent {
    /// Knows nothing of what was written up to `floor`.
    pub fn new(floor: Position, rows_max: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            order: VecDeque::new(),
            floor,
            rows_max,
        }
    }

    pub fn wrote(&mut self, row: Arc<[u8]>, position: Position) {
        self.rows.insert(row.clone(), position);
        self.order.push_back((position, row));
        while self.order.len() > self.rows_max {
            let Some((position, row)) = self.order.pop_front() else {
                break;
            };
            self.floor = position;
            if self.rows.get(&row) == Some(&position) {
                self.rows.remove(&row);
            }
        }
    }

    /// Whether anything that was read at `read_at` may have been written since.
    pub fn conflicts(&self, read_at: Position, reads: &ReadSet) -> bool {
        if reads.rows.is_empty() && reads.ranges.is_empty() {
            return false;
        }
        if read_at < self.floor {
            return true;
        }
        reads
            .rows
            .iter()
            .any(|row| self.rows.get(row).is_some_and(|&written| written > read_at))
            || reads.ranges.iter().any(|range| {
                touches(range, |range| {
                    self.rows
                        .range::<[u8], _>(range)
                        .any(|(_, &written)| written > read_at)
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Bound;

    fn rows(names: &[&str]) -> ReadSet {
        ReadSet {
            rows: names.iter().map(|name| name.as_bytes().into()).collect(),
            ranges: Vec::new(),
        }
    }

    fn range(start: &str, end: &str) -> ReadSet {
        let bound = |text: &str| text.as_bytes().to_vec();
        ReadSet {
            rows: Vec::new(),
            ranges: vec![(Bound::Included(bound(start)), Bound::Excluded(bound(end)))],
        }
    }

    #[test]
    fn only_writes_after_the_snapshot_conflict() {
        let mut recent = Recent::new(Position(0), 100);
        recent.wrote(b"b"[..].into(), Position(5));
        assert!(recent.conflicts(Position(4), &rows(&["a", "b"])));
        assert!(!recent.conflicts(Position(5), &rows(&["a", "b"])));
        assert!(!recent.conflicts(Position(4), &rows(&["a", "c"])));
        assert!(recent.conflicts(Position(4), &range("a", "c")));
        assert!(!recent.conflicts(Position(4), &range("c", "d")));
        assert!(!recent.conflicts(Position(4), &range("d", "c")));
    }

    #[test]
    fn what_is_older_than_the_window_conflicts_unless_nothing_was_read() {
        let mut recent = Recent::new(Position(0), 2);
        for position in 1..=4 {
            recent.wrote(b"x"[..].into(), Position(position));
        }
        assert!(recent.conflicts(Position(1), &rows(&["other"])));
        assert!(!recent.conflicts(Position(2), &rows(&["other"])));
        assert!(!recent.conflicts(Position(0), &ReadSet::default()));
        assert!(recent.conflicts(Position(3), &rows(&["x"])));
    }
}
