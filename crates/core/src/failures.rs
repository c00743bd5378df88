//! Calls that fail authentication: a bounded, deduplicated ring. They never reach an account's history, for a stranger must not be
//! able to fill the disk; an operator sees them here and in the metrics.

use std::collections::VecDeque;
use std::sync::Mutex;

use uuid::Uuid;

/// How many different failures are kept.
pub const KEPT_MAX: usize = 1024;

/// What tells one failure from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureKey {
    /// The error's code as the client saw it.
    pub code: String,
    /// The access key id that was claimed, cut to 128 characters; empty where none was.
    pub access_key_id: String,
    /// The service that was asked.
    pub service: String,
    /// The client's address.
    pub source_ip: String,
}

/// A failure, seen once or often.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What tells it from others.
    pub key: FailureKey,
    /// How often it was seen.
    pub count: u64,
    /// When first, wall time in milliseconds.
    pub first_ms: i64,
    /// When last, wall time in milliseconds.
    pub last_ms: i64,
    /// The last request's id.
    pub last_request_id: Uuid,
    /// The error's message the last time.
    pub detail: String,
}

/// The ring.
#[derive(Debug, Default)]
pub struct AuthenticationFailures(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// Least recently seen first.
    kept: VecDeque<Failure>,
    dropped: u64,
}

impl AuthenticationFailures {
    /// Takes a failure in, joining it with an equal one.
    pub fn note(&self, key: FailureKey, detail: &str, request_id: Uuid, now_ms: i64) {
        let mut ring = self.lock();
        let mut failure = match ring.kept.iter().rposition(|f| f.key == key) {
            Some(place) => ring.kept.remove(place).expect("the place was just found"),
            None => Failure {
                key,
                count: 0,
                first_ms: now_ms,
                last_ms: now_ms,
                last_request_id: request_id,
                detail: String::new(),
            },
        };
        failure.count += 1;
        failure.last_ms = now_ms;
        failure.last_request_id = request_id;
        detail.clone_into(&mut failure.detail);
        if ring.kept.len() == KEPT_MAX {
            ring.kept.pop_front();
            ring.dropped += 1;
        }
        ring.kept.push_back(failure);
    }

    /// All that are kept, the latest first, and how many kinds were dropped to make room.
    pub fn list(&self) -> (Vec<Failure>, u64) {
        let ring = self.lock();
        (ring.kept.iter().rev().cloned().collect(), ring.dropped)
    }

    /// The failure whose last request had this id.
    pub fn find(&self, request_id: Uuid) -> Option<Failure> {
        self.lock()
            .kept
            .iter()
            .find(|f| f.last_request_id == request_id)
            .cloned()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Ring::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ring> {
        // The ring is whole between any two statements, so a panic elsewhere does not spoil it.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> FailureKey {
        FailureKey {
            code: "SignatureDoesNotMatch".into(),
            access_key_id: format!("AKIA{n}"),
            service: "sts".into(),
            source_ip: "127.0.0.1".into(),
        }
    }

    #[test]
    fn equal_failures_are_one_entry_with_a_count() {
        let ring = AuthenticationFailures::default();
        for time in 0..5 {
            ring.note(key(1), "detail", Uuid::from_u128(time as u128), time);
        }
        let (kept, dropped) = ring.list();
        assert_eq!((kept.len(), dropped), (1, 0));
        assert_eq!(
            (kept[0].count, kept[0].first_ms, kept[0].last_ms),
            (5, 0, 4)
        );
        assert!(ring.find(Uuid::from_u128(4)).is_some());
        assert!(ring.find(Uuid::from_u128(3)).is_none());
    }

    #[test]
    fn a_flood_of_different_failures_stays_bounded() {
        let ring = AuthenticationFailures::default();
        for n in 0..KEPT_MAX + 10 {
            ring.note(key(n), "", Uuid::nil(), 0);
        }
        let (kept, dropped) = ring.list();
        assert_eq!((kept.len(), dropped), (KEPT_MAX, 10));
        assert_eq!(kept[0].key, key(KEPT_MAX + 9));
    }
}
