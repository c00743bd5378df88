//! Whose a what-if branch is. Branches live in one node's memory, and so does this.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::AccountId;

/// Who opened a branch.
#[derive(Clone, Debug)]
pub struct BranchOwner {
    /// The account it belongs to.
    pub account: AccountId,
    /// When it ends, state time in milliseconds.
    pub expires_ms: i64,
}

/// The owners of the open branches.
#[derive(Debug, Default)]
pub struct BranchOwners(Mutex<HashMap<String, BranchOwner>>);

impl BranchOwners {
    /// Notes a branch that was opened at `now_ms`, and forgets those whose time is up; their ids.
    pub fn opened(&self, id: &str, owner: BranchOwner, now_ms: i64) -> Vec<String> {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = owners.extract_if(|_, other| other.expires_ms <= now_ms);
        let over = over.map(|(id, _)| id).collect();
        owners.insert(id.to_owned(), owner);
        over
    }

    /// Whose a branch is.
    pub fn owner(&self, id: &str) -> Option<BranchOwner> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Forgets a branch.
    pub fn dropped(&self, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

/// A branch's ARN.
pub fn arn(account: &AccountId, id: &str) -> String {
    format!("arn:aws:palisade::{account}:branch/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_a_branch_tells_which_are_over() {
        let owners = BranchOwners::default();
        let until = |expires_ms| BranchOwner {
            account: AccountId::new("111122223333").unwrap(),
            expires_ms,
        };
        assert!(owners.opened("a", until(10), 0).is_empty());
        assert!(owners.opened("b", until(20), 9).is_empty());
        assert_eq!(owners.opened("c", until(30), 10), ["a"]);
        assert!(owners.owner("a").is_none() && owners.owner("b").is_some());
    }
}
