//! The web ACL in force, and what it says of one request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use palisade_waf::{Acl, Bump, Counters, Decision, Moment, Request};

/// Bytes a thread keeps between two inspections, at most.
const ARENA_BYTES_MAX: usize = 512 * 1024;

/// A web ACL in force: compiled, with the counts of its rates.
#[derive(Debug)]
pub struct Policy {
    /// The compiled ACL.
    pub acl: Acl,
    /// What its rates have counted.
    pub counters: Counters,
    /// What a log record calls it: its ARN, else its name.
    pub id: Arc<str>,
    /// The hash of all that it was compiled from.
    pub version: String,
    /// `terminatingRuleType` of each rule.
    pub rule_types: HashMap<Arc<str>, &'static str>,
    /// The domains a token may be for, besides the host's own.
    pub token_domains: Vec<String>,
}

/// The inspection panicked: it says nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

impl Policy {
    /// Decides a request.
    ///
    /// # Errors
    /// Where the inspection panicked, which ends nothing but itself.
    pub fn decide(&self, request: &Request<'_>, moment: &Moment) -> Result<Decision, Panicked> {
        with_arena(|arena| self.acl.inspect(request, moment, &self.counters, arena))
    }
}

thread_local! {
    static ARENA: RefCell<Option<Bump>> = const { RefCell::new(None) };
}

/// Inspects with the thread's arena, which is emptied afterwards.
fn with_arena<T>(inspect: impl FnOnce(&Bump) -> T) -> Result<T, Panicked> {
    let mut arena = ARENA.with(RefCell::take).unwrap_or_default();
    let result = catch_unwind(AssertUnwindSafe(|| inspect(&arena))).map_err(|_| Panicked)?;
    if arena.allocated_bytes() <= ARENA_BYTES_MAX {
        arena.reset();
        ARENA.with(|kept| kept.replace(Some(arena)));
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_one_inspection() {
        assert_eq!(with_arena(|_| -> u8 { panic!("a defect") }), Err(Panicked));
        assert_eq!(with_arena(|arena| *arena.alloc(7)), Ok(7));
    }
}
