//! When access keys and roles were last used: derived from the journal, never a write a call.

use std::borrow::Cow;
use std::collections::HashMap;

use palisade_core::record::ApiCall;
use palisade_core::{CallError, Identity};
use palisade_store::{Derived, DerivedBatch, FollowError, Follower, Record, Tx};
use serde::{Deserialize, Serialize};

use crate::api::{AccessKeyLastUsed, RoleLastUsed};
use crate::named::moment;
use crate::tables::ACCESS_KEYS;

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

impl Use {
    fn of(call: &ApiCall) -> Self {
        Self {
            time_ms: call.time_ms,
            service: call.service.clone(),
            region: call.region.as_str().to_owned(),
        }
    }
}

/// Keeps the last use of every access key and role. What was refused counts: the key was used.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastUsed;

impl Follower for LastUsed {
    fn name(&self) -> &str {
        "iam.last-used"
    }

    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        // Later records of the batch take the place of earlier ones: a row is written once.
        let (mut keys, mut roles) = (HashMap::new(), HashMap::new());
        for record in records {
            for write in record.writes.iter().filter(|write| write.hash.is_none()) {
                keys.extend(
                    write
                        .row
                        .key(&ACCESS_KEYS)
                        .map(|(id,)| (Cow::from(id), None)),
                );
            }
            // Maintenance has no call, and retention drops the bodies of old ones.
            let Some(call) = record.call(ApiCall::from_bytes) else {
                continue;
            };
            if let Identity::RoleSession { role, .. } = &call.caller.identity {
                roles.insert(role.id.as_str(), call);
            }
            if call.caller.session.is_none() && !call.caller.access_key_id.is_empty() {
                keys.insert(Cow::from(&call.caller.access_key_id), Some(call));
            }
        }
        for (id, call) in keys {
            match call {
                Some(call) => out.put(&KEYS, &(&*id,), &Use::of(call))?,
                None => out.delete(&KEYS, &(&*id,)),
            }
        }
        for (id, call) in roles {
            out.put(&ROLES, &(id,), &Use::of(call))?;
        }
        Ok(())
    }
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
