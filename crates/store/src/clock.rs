//! Time: milliseconds since 1970, read from a clock that is passed in.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Millis(pub u64);

impl Millis {
    /// The moment `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The moment `duration` earlier, or the first there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// Where the wall time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall time now. It may jump; the store makes state time of it, which never goes back.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The machine's clock, and how far ahead of it state time runs. Copies share both.
#[derive(Clone, Debug, Default)]
pub struct ClockAhead(Arc<AtomicU64>);

impl ClockAhead {
    /// Runs this far ahead of the machine's clock from now on, or further if it does already: it never goes back.
    pub fn run_ahead(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_max(millis, Ordering::SeqCst);
    }
}

impl Clock for ClockAhead {
    fn now(&self) -> Millis {
        let ahead = Duration::from_millis(self.0.load(Ordering::SeqCst));
        SystemClock.now().plus(ahead)
    }
}

/// A clock that is set by hand, for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Millis) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_ahead_goes_forward_only_and_its_copies_with_it() {
        let clock = ClockAhead::default();
        let copy = clock.clone();
        clock.run_ahead(Duration::from_secs(8 * 86_400));
        clock.run_ahead(Duration::from_secs(1));
        let ahead = copy.now().0 - SystemClock.now().minus(Duration::from_secs(60)).0;
        assert!(ahead >= 8 * 86_400_000, "{ahead}");
    }
}
