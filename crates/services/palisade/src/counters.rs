//! Calls by service, operation and outcome: a follower of the journal, so it counts exactly what is on record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palisade_core::record::{ApiCall, Outcome};
use palisade_store::{Derived, DerivedBatch, FollowError, Follower, Record, Store, StoreError};

type Key = (String, String, String);

static CALLS: Derived<Key, u64> = Derived::new("palisade.calls");

/// How many rows are read at once.
const PAGE: usize = 1000;

/// The follower.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallCounters;

impl Follower for CallCounters {
    fn name(&self) -> &str {
        "palisade.call-counters"
    }

    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        let mut counted: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for record in records {
            // Maintenance has no call; calls on a branch are counted, for they were made.
            if let Some(call) = record.call(ApiCall::from_bytes) {
                let key = (
                    call.service.as_str(),
                    call.operation.as_str(),
                    word(&call.outcome),
                );
                *counted.entry(key).or_default() += 1;
            }
        }
        for (place, count) in counted {
            let before: u64 = out.get(&CALLS, &place)?.unwrap_or_default();
            out.put(&CALLS, &place, &(before + count))?;
        }
        Ok(())
    }
}

/// The counts, in Prometheus text exposition format.
pub fn render(store: &Store) -> Result<String, StoreError> {
    let name = "palisade_calls_total";
    let mut out = format!(
        "# HELP {name} Calls on record, by service, operation and outcome.\n# TYPE {name} counter\n"
    );
    let tx = store.begin()?;
    let mut after: Option<Key> = None;
    loop {
        let page = tx.derived_range(&CALLS, &(), after.as_ref(), PAGE)?;
        for ((service, operation, outcome), count) in &page {
            let _ = writeln!(
                out,
                "{name}{{service=\"{service}\",operation=\"{operation}\",outcome=\"{outcome}\"}} {count}"
            );
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(out),
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Denied { .. } => "denied",
        Outcome::Failed { .. } => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_has_no_counts() {
        let store = Store::open_memory(palisade_store::Options::default()).unwrap();
        assert_eq!(render(&store).unwrap().lines().count(), 2);
    }
}
