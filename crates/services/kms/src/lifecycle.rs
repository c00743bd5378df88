//! Keys: made, shown, listed, switched on and off.

use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::spec::{KeySpec, KeyUsage, NameError};
use palisade_model::ApiError;

use crate::api::*;
use crate::keys::{By, Found, find};
use crate::names::{arn, invalid};
use crate::page::{Ask, LONG, page};
use crate::tables::{KEYS, Key, Origin, RINGS, Ring};
use crate::{material, metadata, policy, rotation, tags};

/// The most keys of an account in a Region (KMS Developer Guide, "Resource quotas").
pub(crate) const KEYS_MAX: u32 = 100_000;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateKey", create)
        .on("DescribeKey", describe)
        .on("ListKeys", list)
        .on("EnableKey", |call, input: EnableKeyInput| {
            switch(call, "EnableKey", &input.key_id, true)?;
            Ok(EnableKeyOutput {})
        })
        .on("DisableKey", |call, input: DisableKeyInput| {
            switch(call, "DisableKey", &input.key_id, false)?;
            Ok(DisableKeyOutput {})
        })
        .on("UpdateKeyDescription", update_description)
}

fn create(call: &mut Call<'_>, input: CreateKeyInput) -> Result<CreateKeyOutput, CallError> {
    if input.xks_key_id.is_some() {
        return Err(unsupported("XksKeyId").into());
    }
    if input.custom_key_store_id.is_some() {
        return Err(unsupported("CustomKeyStoreId").into());
    }
    let origin = match input.origin.as_deref() {
        None | Some("AWS_KMS") => Origin::AwsKms,
        Some("EXTERNAL") => Origin::External,
        Some(other) => return Err(unsupported(&format!("Origin {other}")).into()),
    };
    let given = match (&input.key_spec, &input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            let message = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";
            return Err(invalid(message).into());
        }
        (spec, old) => spec.as_deref().or(old.as_deref()),
    };
    let (spec, usage) = kind(given, input.key_usage.as_deref())?;
    let multi_region = input.multi_region.unwrap_or(false);
    let new_tags = tags::new_tags(input.tags)?;
    let account = call.account().clone();
    let region = call.context.region.as_str().to_owned();
    let id = new_id(call, multi_region)?;
    let arn = arn(&region, account.as_str(), &format!("key/{id}"));
    let bypass = input.bypass_policy_lockout_safety_check.unwrap_or(false);
    let (policy, trusted) = match input.policy {
        Some(text) => {
            let trusted = policy::check(call, &arn, &text, bypass)?;
            (text, trusted)
        }
        None => (policy::default(&account), Vec::new()),
    };
    check_quota(call, &region, &id)?;
    let materials = match origin {
        Origin::AwsKms => vec![material::make_first(call, &id, spec)?],
        Origin::External => Vec::new(),
    };
    let ring = Ring {
        spec: spec.as_str().to_owned(),
        usage: usage.as_str().to_owned(),
        origin,
        multi_region,
        primary: region.clone(),
        regions: vec![region.clone()],
        materials,
        rotation: None,
        pending: None,
        managed: false,
    };
    let key = Key {
        created_ms: call.now_ms(),
        description: input.description.unwrap_or_default(),
        enabled: true,
        deletion: None,
        policy,
        trusted,
        tags: new_tags,
        imported: Vec::new(),
    };
    call.tx
        .put(&RINGS, &(account.as_str(), id.as_str()), &ring)?;
    call.tx.put(
        &KEYS,
        &(account.as_str(), region.as_str(), id.as_str()),
        &key,
    )?;
    let found = Found::look(call.tx, &account, &region, &id)?;
    let found = found.ok_or_else(|| crate::keys::damaged("a new key is not there"))?;
    found.touch(call);
    Ok(CreateKeyOutput {
        key_metadata: Some(metadata::of(&found)),
    })
}

/// What kind of key is asked for, and for what use.
fn kind(spec: Option<&str>, usage: Option<&str>) -> Result<(KeySpec, KeyUsage), ApiError> {
    let spec = spec.unwrap_or(KeySpec::SymmetricDefault.as_str());
    let spec: KeySpec = spec.parse().map_err(|error| match error {
        NameError::ChinaOnly | NameError::Withdrawn => unsupported(&format!("KeySpec {spec}")),
        NameError::Unknown => invalid(format!("KeySpec {spec} is not known.")),
    })?;
    let usage = match usage {
        Some(usage) => usage
            .parse()
            .map_err(|_| invalid(format!("KeyUsage {usage} is not known.")))?,
        None if spec == KeySpec::SymmetricDefault => KeyUsage::EncryptDecrypt,
        None => {
            let message = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
            return Err(invalid(message));
        }
    };
    if spec.algorithms_for(usage).is_none() {
        return Err(invalid(format!(
            "KeyUsage {usage} is not compatible with KeySpec {spec}"
        )));
    }
    Ok((spec, usage))
}

/// What cannot be had here, by name.
pub(crate) fn unsupported(what: &str) -> ApiError {
    errors::unsupported_operation_exception(format!("{what} is not supported."))
}

/// A UUID of version 4, or the same digits behind `mrk-`: the same in all attempts of the call, for its material is made for it.
pub(crate) fn new_id(call: &mut Call<'_>, multi_region: bool) -> Result<String, ApiError> {
    let random = &mut call.random;
    let drawn = call.made.once("kms.key-id", || {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Ok(bytes)
    })?;
    Ok(written(*drawn, multi_region))
}

fn written(mut bytes: [u8; 16], multi_region: bool) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if multi_region {
        format!("mrk-{hex}")
    } else {
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        parts.join("-")
    }
}

fn check_quota(call: &mut Call<'_>, region: &str, id: &str) -> Result<(), CallError> {
    let account = call.account().clone();
    if crate::count::add(call.tx, (account.as_str(), region, ""), id, KEYS_MAX)? {
        return Ok(());
    }
    Err(over_quota().into())
}

pub(crate) fn over_quota() -> ApiError {
    errors::limit_exceeded_exception(format!(
        "You cannot have more than {KEYS_MAX} keys in a Region."
    ))
}

fn describe(call: &mut Call<'_>, input: DescribeKeyInput) -> Result<DescribeKeyOutput, CallError> {
    let key = find(call, "DescribeKey", &input.key_id, By::KeyOrAlias)?;
    Ok(DescribeKeyOutput {
        key_metadata: Some(metadata::of(&key)),
    })
}

fn list(call: &mut Call<'_>, input: ListKeysInput) -> Result<ListKeysOutput, CallError> {
    let owners = input.resource_owners.unwrap_or_default();
    // Nobody shares keys through RAM here, so of other accounts there are none to list.
    let own = owners.is_empty() || owners.iter().any(|owner| owner == "SELF");
    let ask = Ask {
        operation: "ListKeys",
        filter: owners.join(","),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: LONG,
    };
    let page = page(call, &ask, |call, after, limit| {
        let limit = if own { limit } else { 0 };
        let account = call.account().as_str().to_owned();
        let region = call.context.region.as_str().to_owned();
        let mut after = after.map(|id| (account.clone(), region.clone(), id.to_owned()));
        let mut keys = Vec::new();
        // Keys whose waiting period is over are left out, so a range may give fewer than asked for.
        while keys.len() < limit {
            let prefix = (account.as_str(), region.as_str());
            let wanted = limit - keys.len();
            let found = call.tx.range(&KEYS, &prefix, after.as_ref(), wanted)?;
            let is_last = found.len() < wanted;
            after = found.last().map(|(place, _)| place.clone());
            for ((_, _, id), key) in found {
                if !crate::keys::is_over(key.deletion, call.now_ms()) {
                    let key_arn = crate::resolve::key_arn(call, &id);
                    let entry = KeyListEntry {
                        key_id: Some(id.clone()),
                        key_arn: Some(key_arn),
                    };
                    keys.push((id, entry));
                }
            }
            if is_last {
                break;
            }
        }
        Ok(keys)
    })?;
    Ok(ListKeysOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        keys: Some(page.items),
    })
}

fn switch(
    call: &mut Call<'_>,
    operation: &'static str,
    id: &str,
    enabled: bool,
) -> Result<(), CallError> {
    let found = find(call, operation, id, By::Key)?;
    let mut key = Key::clone(&found.key);
    key.enabled = enabled;
    found.save_key(call, &key)?;
    if enabled {
        rotation::catch_up(call.tx, &found)?;
    }
    Ok(())
}

fn update_description(
    call: &mut Call<'_>,
    input: UpdateKeyDescriptionInput,
) -> Result<UpdateKeyDescriptionOutput, CallError> {
    let found = find(call, "UpdateKeyDescription", &input.key_id, By::Key)?;
    let mut key = Key::clone(&found.key);
    key.description = input.description;
    found.save_key(call, &key)?;
    Ok(UpdateKeyDescriptionOutput {})
}
