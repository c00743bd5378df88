//! The time a lookup is about.

use std::time::Duration;

use palisade_model::{ApiError, Timestamp};
use palisade_store::Millis;

use crate::api::errors;

/// How far back the event history goes (CloudTrail User Guide, "Working with CloudTrail event history").
const HISTORY: Duration = Duration::from_secs(90 * 24 * 3600);

/// Both ends included, in milliseconds. Events carry whole seconds: an end within a second includes the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: Millis,
    /// The last moment; `None` is open, so that a listing's later pages mean the same.
    pub to: Option<Millis>,
}

impl Range {
    /// The range a request asks for, cut to what the history holds at `now`.
    pub fn parse(
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        now: Millis,
    ) -> Result<Self, ApiError> {
        if start.zip(end).is_some_and(|(start, end)| start > end) {
            return Err(errors::invalid_time_range_exception(
                "The start time must not be after the end time.",
            ));
        }
        let second = |moment: Timestamp| {
            u64::try_from(moment.seconds())
                .unwrap_or(0)
                .saturating_mul(1000)
        };
        let horizon = now.minus(HISTORY);
        let from = start.map_or(horizon, |start| Millis(second(start)).max(horizon));
        Ok(Self {
            from,
            to: end.map(|end| Millis(second(end).saturating_add(999))),
        })
    }

    /// Whether an event of that time, in milliseconds, lies in it.
    pub fn contains(&self, time_ms: i64) -> bool {
        let time = Millis(u64::try_from(time_ms).unwrap_or(0));
        self.from <= time && self.to.is_none_or(|to| time <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600 * 1000;
    const NOW: Millis = Millis(1000 * DAY);

    fn at(ms: u64) -> Option<Timestamp> {
        Timestamp::from_millis(ms as i64)
    }

    #[test]
    fn the_history_ends_after_ninety_days() {
        let all = Range::parse(None, None, NOW).unwrap();
        assert!(all.contains((910 * DAY) as i64) && !all.contains((910 * DAY) as i64 - 1));
        let asked = Range::parse(at(DAY), None, NOW).unwrap();
        assert_eq!(asked, all);
    }

    #[test]
    fn both_ends_are_whole_seconds_and_included() {
        let range = Range::parse(at(990 * DAY + 500), at(991 * DAY + 500), NOW).unwrap();
        for (ms, inside) in [
            (990 * DAY - 1, false),
            (990 * DAY, true),
            (991 * DAY + 999, true),
            (991 * DAY + 1000, false),
        ] {
            assert_eq!(range.contains(ms as i64), inside, "{ms}");
        }
    }

    #[test]
    fn a_start_after_the_end_is_refused() {
        let error = Range::parse(at(2000), at(1000), NOW).unwrap_err();
        assert_eq!(error.code, "InvalidTimeRangeException");
        assert!(Range::parse(at(1000), at(1000), NOW).is_ok());
    }
}
