//! When keys were last used: derived from the journal, never a write a call.

use std::collections::HashMap;

use palisade_core::record::{ApiCall, Outcome, turn_over};
use palisade_core::{Call, CallError, Handlers};
use palisade_model::Timestamp;
use palisade_store::{Derived, DerivedBatch, FollowError, Follower, Record};
use serde::{Deserialize, Serialize};

use crate::api::*;
use crate::keys::{By, Found, find};
use crate::rotation::DAY_MS;

/// By key ARN.
static USES: Derived<(String,), Use> = Derived::new("kms.key-used");

/// What counts as use (`KeyLastUsageTrackingOperation` of the model).
const OPERATIONS: [&str; 14] = [
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// The last use of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Use {
    time_ms: i64,
    operation: String,
    request: uuid::Uuid,
}

/// Keeps the last successful use of every key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyUse;

impl Follower for KeyUse {
    fn name(&self) -> &str {
        "kms.key-use"
    }

    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        // Later records of the batch take the place of earlier ones: a row is written once.
        let mut uses = HashMap::new();
        for record in records.iter().filter(|record| record.branch.is_none()) {
            // Maintenance has no call, and retention drops the bodies of old ones.
            let Some(call) = record.call(ApiCall::from_bytes) else {
                continue;
            };
            let counts = call.service == "kms"
                && call.outcome == Outcome::Success
                && OPERATIONS.contains(&call.operation.as_str());
            if !counts {
                continue;
            }
            for resource in &call.resources {
                let used = Use {
                    time_ms: call.time_ms,
                    operation: call.operation.clone(),
                    request: call.request_id,
                };
                uses.insert(resource.arn.as_str(), used);
            }
        }
        for (arn, used) in uses {
            out.put(&USES, &(arn,), &used)?;
        }
        Ok(())
    }
}

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers.on("GetKeyLastUsage", last_usage)
}

fn last_usage(
    call: &mut Call<'_>,
    input: GetKeyLastUsageInput,
) -> Result<GetKeyLastUsageOutput, CallError> {
    let found = find(call, "GetKeyLastUsage", &input.key_id, By::Key)?;
    let used = call.tx.derived(&USES, &(found.arn(),))?;
    let created = Timestamp::from_millis(found.key.created_ms);
    let data = KeyLastUsageData {
        operation: used.as_ref().map(|used| used.operation.clone()),
        timestamp: used
            .as_ref()
            .and_then(|used| Timestamp::from_millis(used.time_ms)),
        cloud_trail_event_id: used
            .as_ref()
            .map(|used| turn_over(used.request).to_string()),
        kms_request_id: used.as_ref().map(|used| used.request.to_string()),
    };
    Ok(GetKeyLastUsageOutput {
        key_id: Some(found.arn()),
        key_last_usage: Some(data),
        // Every key has been watched from the day it was made.
        tracking_start_date: created,
        key_creation_date: created,
    })
}

/// For how many days a key has not been used: `kms:TrailingDaysWithoutKeyUsage`.
pub(crate) fn trailing_days(call: &Call<'_>, found: &Found) -> Result<i64, CallError> {
    let used = call.tx.derived(&USES, &(found.arn(),))?;
    let since_ms = used.map_or(found.key.created_ms, |used| used.time_ms);
    Ok((call.now_ms() - since_ms).max(0) / DAY_MS)
}
