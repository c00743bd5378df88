//! When access keys and roles were last used: derived from the journal, never a write a call.

use palisade_core::CallError;
use palisade_store::{Derived, Tx};
use serde::{Deserialize, Serialize};

use crate::api::{AccessKeyLastUsed, RoleLastUsed};
use crate::named::moment;

/// By access key id.
static KEYS: Derived<(String,), Use> = Derived::new("iam.key-used");
/// By the role's unique id.
static ROLES: Derived<(String,), Use> = Derived::new("iam.role-used");

/// The last use of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Use {
    time_ms: i64,
    service: String,
    region: String,
}

/// The last use of an access key, as answers show it.
pub(crate) fn of_key(tx: &Tx, id: &str) -> Result<AccessKeyLastUsed, CallError> {
    let used = tx.derived(&KEYS, &(id,))?;
    let never = || "N/A".to_owned();
    Ok(AccessKeyLastUsed {
        last_used_date: used.as_ref().map(|used| moment(used.time_ms)),
        service_name: used
            .as_ref()
            .map_or_else(never, |used| used.service.clone()),
        region: used.map_or_else(never, |used| used.region),
    })
}

/// The last use of a role, as answers show it.
pub(crate) fn of_role(tx: &Tx, id: &str) -> Result<RoleLastUsed, CallError> {
    let used = tx.derived(&ROLES, &(id,))?;
    Ok(RoleLastUsed {
        last_used_date: used.as_ref().map(|used| moment(used.time_ms)),
        region: used.map(|used| used.region),
    })
}
