//! Multi-Region keys: one id and one set of materials in several Regions.
//!
//! Source: KMS Developer Guide, "Multi-Region keys in AWS KMS"; the model's text.

use palisade_core::{Call, CallError, Handlers, Regions};

use crate::api::*;
use crate::keys::{By, Found, damaged, find};
use crate::lifecycle::{KEYS_MAX, over_quota};
use crate::names::{invalid, not_found};
use crate::tables::{KEYS, Key, Ring};
use crate::{count, metadata, policy, tags, timers};

pub(crate) fn register(handlers: Handlers, served: Regions) -> Handlers {
    handlers
        .on("ReplicateKey", move |call, input| {
            replicate(call, input, &served)
        })
        .on("UpdatePrimaryRegion", update_primary)
}

/// The primary that a call means.
fn primary(call: &mut Call<'_>, operation: &'static str, id: &str) -> Result<Found, CallError> {
    let found = find(call, operation, id, By::Key)?;
    if found.is_primary() {
        return Ok(found);
    }
    Err(errors::unsupported_operation_exception(format!(
        "{} is not a multi-Region primary key.",
        found.arn()
    ))
    .into())
}

fn replicate(
    call: &mut Call<'_>,
    input: ReplicateKeyInput,
    served: &Regions,
) -> Result<ReplicateKeyOutput, CallError> {
    let found = primary(call, "ReplicateKey", &input.key_id)?;
    let Some(region) = served.named(&input.replica_region) else {
        let message = format!("ReplicaRegion {} is not served.", input.replica_region);
        return Err(invalid(message).into());
    };
    let region = region.as_str();
    if region == found.region || Found::look(call.tx, &found.account, region, &found.id)?.is_some()
    {
        return Err(errors::already_exists_exception(format!(
            "{} exists already.",
            found.arn_in(region)
        ))
        .into());
    }
    let arn = found.arn_in(region);
    let place = (found.account.as_str(), region, found.id.as_str());
    if call.tx.get_cached(&KEYS, &place)?.is_some() {
        // Its waiting period is over, and its grants and aliases are still to go: a new replica would come by them.
        let message = format!("{arn} is being deleted. Try again later.");
        return Err(errors::kms_invalid_state_exception(message).into());
    }
    let bypass = input.bypass_policy_lockout_safety_check.unwrap_or(false);
    let (policy, trusted) = match input.policy {
        Some(text) => {
            let trusted = policy::check(call, &arn, &text, bypass)?;
            (text, trusted)
        }
        None => (policy::default(&found.account), Vec::new()),
    };
    let tags = tags::new_tags(input.tags)?;
    if !count::add(
        call.tx,
        (found.account.as_str(), region, ""),
        &found.id,
        KEYS_MAX,
    )? {
        return Err(over_quota().into());
    }
    let key = Key {
        created_ms: call.now_ms(),
        description: input.description.unwrap_or_default(),
        enabled: true,
        deletion: None,
        policy,
        trusted,
        tags,
        imported: Vec::new(),
    };
    let mut ring = Ring::clone(&found.ring);
    if !ring.regions.iter().any(|one| one == region) {
        ring.regions.push(region.to_owned());
    }
    found.save_ring(call, &ring)?;
    call.tx.put(&KEYS, &place, &key)?;
    let replica = Found::look(call.tx, &found.account, region, &found.id)?;
    let replica = replica.ok_or_else(|| damaged("a new replica is not there"))?;
    replica.touch(call);
    Ok(ReplicateKeyOutput {
        replica_key_metadata: Some(metadata::of(&replica)),
        replica_policy: Some(replica.key.policy.clone()),
        replica_tags: Some(tags::from_tags(&replica.key.tags)),
    })
}

fn update_primary(
    call: &mut Call<'_>,
    input: UpdatePrimaryRegionInput,
) -> Result<UpdatePrimaryRegionOutput, CallError> {
    let found = primary(call, "UpdatePrimaryRegion", &input.key_id)?;
    let region = input.primary_region.as_str();
    if region == found.region {
        return Err(errors::unsupported_operation_exception(format!(
            "{} is the primary key already.",
            found.arn()
        ))
        .into());
    }
    let replica = Found::look(call.tx, &found.account, region, &found.id)?;
    let arn = found.arn_in(region);
    let replica = replica.ok_or_else(|| not_found(format!("Key '{arn}' does not exist")))?;
    replica.check("UpdatePrimaryRegion")?;
    let mut ring = Ring::clone(&found.ring);
    ring.primary = region.to_owned();
    found.save_ring(call, &ring)?;
    if let Some(rotation) = ring.rotation {
        timers::set(call.tx, rotation.next_ms, &replica)?;
    }
    replica.touch(call);
    Ok(UpdatePrimaryRegionOutput {})
}
