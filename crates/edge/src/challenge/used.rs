//! Challenges that were solved: each counts once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Solved challenges that are remembered, at most; beyond, further ones do not count until the oldest have expired.
const USED_MAX: usize = 400_000;

/// What was solved in this stretch of time and in the one before. A stretch is as long as a challenge lives, so whatever could come again
/// is in one of them.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<Stretches>);

#[derive(Debug, Default)]
struct Stretches {
    number: u64,
    now: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
}

impl Used {
    /// Whether this is the first time, which it is not the next time.
    pub(super) fn first(&self, id: [u8; 16], now_s: u64, lives_s: u64) -> bool {
        let mut stretches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now_s / lives_s;
        if number > stretches.number {
            let last = std::mem::take(&mut stretches.now);
            stretches.before = if number == stretches.number + 1 {
                last
            } else {
                HashSet::new()
            };
            stretches.number = number;
        }
        if stretches.before.contains(&id) || stretches.now.len() >= USED_MAX / 2 {
            return false;
        }
        stretches.now.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_once_while_it_lives() {
        let used = Used::default();
        assert!(used.first([1; 16], 1000, 300));
        assert!(!used.first([1; 16], 1001, 300));
        assert!(!used.first([1; 16], 1300, 300));
        assert!(used.first([2; 16], 1300, 300));
        assert!(used.first([1; 16], 2000, 300), "it has long expired");
    }
}
