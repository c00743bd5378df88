//! Rotation: by schedule and on demand. Old materials stay, so what they encrypted opens for ever.
//!
//! Source: KMS Developer Guide, "Rotate AWS KMS keys"; the model's text.

use palisade_core::keys::{KeyVault, Place};
use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::MaterialId;
use palisade_model::{ApiError, Timestamp};
use palisade_store::Tx;

use crate::api::*;
use crate::import;
use crate::keys::{By, Found, damaged, find};
use crate::material;
use crate::names::invalid;
use crate::page::{Ask, LONG, page_of};
use crate::state::State;
use crate::tables::{Origin, RINGS, Ring, Rotated, Rotation, Version};
use crate::{events, timers};

pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;
pub(crate) const PERIOD_DAYS: i32 = 365;
/// How often a key can be rotated on demand.
const ON_DEMAND_MAX: usize = 25;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("EnableKeyRotation", enable)
        .on("DisableKeyRotation", disable)
        .on("GetKeyRotationStatus", status)
        .on("RotateKeyOnDemand", on_demand)
        .on("ListKeyRotations", list)
}

/// The material that encrypts. A rotation that is due is made up for first; the schedule goes on from when it was due.
pub(crate) fn current(call: &mut Call<'_>, found: &Found) -> Result<Version, CallError> {
    let none = || damaged("a key without material");
    let last = found.ring.current().cloned().ok_or_else(none)?;
    let Some(schedule) = due(call.tx, found)? else {
        return Ok(last);
    };
    let version = make(call, found, Rotated::Automatic)?;
    let mut ring = Ring::clone(&found.ring);
    ring.rotation = Some(schedule);
    turn(call.tx, found, ring, version.clone())?;
    Ok(version)
}

/// Rotates a key if its time has come; what was put into the vault for it.
pub(crate) fn on_time(
    tx: &mut Tx,
    keys: &dyn KeyVault,
    found: &Found,
) -> Result<Option<(Place, MaterialId)>, CallError> {
    let Some(schedule) = due(tx, found)? else {
        return Ok(None);
    };
    let (version, stored) = material::make_on_time(tx, keys, found, Rotated::Automatic)?;
    let mut ring = Ring::clone(&found.ring);
    ring.rotation = Some(schedule);
    turn(tx, found, ring, version)?;
    Ok(Some(stored))
}

/// Has a key that may be used again looked at, if it was to be rotated meanwhile.
pub(crate) fn catch_up(tx: &mut Tx, found: &Found) -> Result<(), CallError> {
    let now_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
    match found.ring.rotation {
        Some(rotation) if rotation.next_ms <= now_ms => timers::set(tx, now_ms, found),
        _ => Ok(()),
    }
}

/// The schedule after a rotation that is due now; `None` if none is. Disabled keys are not rotated, and catch up when they are
/// enabled. A multi-Region key is rotated as its primary, so that one must be enabled.
fn due(tx: &Tx, found: &Found) -> Result<Option<Rotation>, CallError> {
    let now_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
    let Some(rotation) = found.ring.rotation.filter(|one| one.next_ms <= now_ms) else {
        return Ok(None);
    };
    let primary = Found::look(tx, &found.account, &found.ring.primary, &found.id)?;
    if primary.is_none_or(|primary| primary.state() != State::Enabled) {
        return Ok(None);
    }
    let period_ms = i64::from(rotation.period_days) * DAY_MS;
    let missed = (now_ms - rotation.next_ms) / period_ms + 1;
    Ok(Some(Rotation {
        next_ms: rotation.next_ms + missed * period_ms,
        ..rotation
    }))
}

fn make(call: &mut Call<'_>, found: &Found, by: Rotated) -> Result<Version, CallError> {
    let region = material::primary(found)?;
    material::make(call, &found.account, &region, &found.id, found.spec, by)
}

/// Makes a new material the current one. `ring` is what the Regions share from now on.
fn turn(tx: &mut Tx, found: &Found, mut ring: Ring, version: Version) -> Result<(), CallError> {
    let on_demand = version.by == Rotated::OnDemand;
    ring.materials.push(version);
    let what = events::What::Rotated { on_demand };
    events::put(tx, &found.account, &ring.primary, &found.id, what)?;
    share(tx, found, &ring)
}

/// Writes what the Regions share, and what is to be done for it: the next rotation, and the record that replicas follow.
fn share(tx: &mut Tx, found: &Found, ring: &Ring) -> Result<(), CallError> {
    let (account, id) = (found.account.as_str(), found.id.as_str());
    tx.put(&RINGS, &(account, id), ring)?;
    if ring.regions.len() > 1 {
        let what = events::What::Synchronized;
        events::put(tx, &found.account, &ring.primary, id, what)?;
    }
    match ring.rotation {
        Some(rotation) => timers::set_at(tx, rotation.next_ms, account, &ring.primary, id),
        None => Ok(()),
    }
}

/// Only symmetric encryption keys are rotated, and multi-Region ones where their primary is.
fn rotatable(call: &mut Call<'_>, operation: &'static str, id: &str) -> Result<Found, CallError> {
    let found = find(call, operation, id, By::Key)?;
    check_symmetric(&found)?;
    if found.ring.multi_region && !found.is_primary() {
        return Err(errors::unsupported_operation_exception(format!(
            "{} is a multi-Region replica key. Ask its primary key in {}.",
            found.arn(),
            found.ring.primary
        ))
        .into());
    }
    Ok(found)
}

fn check_symmetric(found: &Found) -> Result<(), ApiError> {
    if found.is_symmetric_encryption() {
        return Ok(());
    }
    Err(errors::unsupported_operation_exception(format!(
        "{} is not a symmetric encryption key; its material cannot be rotated.",
        found.arn()
    )))
}

fn enable(
    call: &mut Call<'_>,
    input: EnableKeyRotationInput,
) -> Result<EnableKeyRotationOutput, CallError> {
    let found = rotatable(call, "EnableKeyRotation", &input.key_id)?;
    let mut ring = Ring::clone(&found.ring);
    let period_days = input.rotation_period_in_days.unwrap_or(PERIOD_DAYS);
    if !(90..=2560).contains(&period_days) {
        return Err(invalid("RotationPeriodInDays must be between 90 and 2560.").into());
    }
    // The period counts from when it was set (the model's text); enabled again as it is, a schedule stays.
    if ring
        .rotation
        .is_none_or(|one| one.period_days != period_days)
    {
        ring.rotation = Some(Rotation {
            period_days,
            next_ms: call.now_ms() + i64::from(period_days) * DAY_MS,
        });
    }
    share(call.tx, &found, &ring)?;
    Ok(EnableKeyRotationOutput {})
}

fn disable(
    call: &mut Call<'_>,
    input: DisableKeyRotationInput,
) -> Result<DisableKeyRotationOutput, CallError> {
    let found = rotatable(call, "DisableKeyRotation", &input.key_id)?;
    let mut ring = Ring::clone(&found.ring);
    ring.rotation = None;
    share(call.tx, &found, &ring)?;
    Ok(DisableKeyRotationOutput {})
}

fn status(
    call: &mut Call<'_>,
    input: GetKeyRotationStatusInput,
) -> Result<GetKeyRotationStatusOutput, CallError> {
    let found = find(call, "GetKeyRotationStatus", &input.key_id, By::Key)?;
    // Of keys that cannot be rotated it is false, no error: Terraform asks it of every key.
    let rotation = due(call.tx, &found)?.or(found.ring.rotation);
    Ok(GetKeyRotationStatusOutput {
        key_rotation_enabled: Some(rotation.is_some()),
        key_id: Some(found.arn()),
        rotation_period_in_days: rotation.map(|one| one.period_days),
        next_rotation_date: rotation.and_then(|one| Timestamp::from_millis(one.next_ms)),
        // A rotation on demand is done when it is answered.
        on_demand_rotation_start_date: None,
    })
}

fn on_demand(
    call: &mut Call<'_>,
    input: RotateKeyOnDemandInput,
) -> Result<RotateKeyOnDemandOutput, CallError> {
    let found = rotatable(call, "RotateKeyOnDemand", &input.key_id)?;
    let mut ring = Ring::clone(&found.ring);
    let done = ring
        .materials
        .iter()
        .filter(|one| one.by == Rotated::OnDemand);
    if done.count() >= ON_DEMAND_MAX {
        let message = format!("A key can be rotated on demand {ON_DEMAND_MAX} times.");
        return Err(errors::limit_exceeded_exception(message).into());
    }
    let version = match ring.origin {
        Origin::AwsKms => make(call, &found, Rotated::OnDemand)?,
        Origin::External => import::rotate(call, &found, &mut ring)?,
    };
    material::note(call, &version.id);
    turn(call.tx, &found, ring, version)?;
    Ok(RotateKeyOnDemandOutput {
        key_id: Some(found.arn()),
    })
}

fn list(
    call: &mut Call<'_>,
    input: ListKeyRotationsInput,
) -> Result<ListKeyRotationsOutput, CallError> {
    let found = find(call, "ListKeyRotations", &input.key_id, By::Key)?;
    check_symmetric(&found)?;
    let all = input.include_key_material.as_deref() == Some("ALL_KEY_MATERIAL");
    let ask = Ask {
        operation: "ListKeyRotations",
        filter: format!("{}\u{1}{all}", found.arn()),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: LONG,
    };
    let count = found.ring.materials.len();
    let mut entries: Vec<(String, RotationsListEntry)> = found
        .ring
        .materials
        .iter()
        .enumerate()
        .filter(|(_, version)| all || version.by != Rotated::First)
        .map(|(at, version)| {
            let place = format!("{:08}", count - at);
            (place, entry(&found, version, at + 1 == count))
        })
        .collect();
    if all {
        let pending = import::pending(call, &found)?;
        entries.extend(pending.map(|entry| ("00000000".to_owned(), entry)));
    }
    // Newest first.
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = page_of(call, &ask, entries)?;
    Ok(ListKeyRotationsOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        rotations: Some(page.items),
    })
}

fn entry(found: &Found, version: &Version, is_current: bool) -> RotationsListEntry {
    let state = if is_current { "CURRENT" } else { "NON_CURRENT" };
    let kind = match version.by {
        Rotated::First => None,
        Rotated::Automatic => Some("AUTOMATIC"),
        Rotated::OnDemand => Some("ON_DEMAND"),
    };
    RotationsListEntry {
        key_material_state: Some(state.to_owned()),
        rotation_date: kind.and_then(|_| Timestamp::from_millis(version.since_ms)),
        rotation_type: kind.map(str::to_owned),
        ..import::described(found, &version.id)
    }
}
