//! The resources that questions are asked about: keys, with their policies, grants, tags and all that conditions may ask of them
//! and of the call; and aliases. What does not exist is named as well as it can be, so that only who may know learns that it is
//! missing.

use palisade_core::{Arn, Call, CallError, Resource};
use palisade_keyring::Blob;
use palisade_keyring::spec::KeySpec;
use palisade_model::{ApiError, Value};

use crate::keys::{By, Found, Lookup, lookup};
use crate::managed::{self, Managed};
use crate::names::{self, ALIAS_PREFIX, arn, invalid};
use crate::tables::{ALIASES, ALIASES_OF_KEY};
use crate::{deletion, granted, grants, last_used, policy};

/// The default of the members that name an encryption algorithm.
const SYMMETRIC: &str = KeySpec::SymmetricDefault.as_str();

/// What the condition keys of an encryption context begin with.
const CONTEXT: &str = "kms:EncryptionContext:";

/// The resources behind `@resolver` in a row. `@resolver:OPERATION` says which operation of grants is asked for, where the resolver does
/// not.
pub(crate) fn resolve(
    resolver: &str,
    call: &mut Call<'_>,
    input: &Value,
) -> Result<Vec<Resource>, CallError> {
    let member = |name: &str| input.member(name).and_then(Value::as_str);
    let id = || member("KeyId").unwrap_or_default();
    let (name, operation) = match resolver {
        "decrypting-key" => (resolver, "Decrypt"),
        "reencrypted-key" => (resolver, "ReEncryptFrom"),
        "reencrypting-key" => (resolver, "ReEncryptTo"),
        "granted-key" => (resolver, "CreateGrant"),
        _ => resolver.split_once(':').unwrap_or((resolver, "")),
    };
    let one = match name {
        "key" => own(call, id(), By::Key)?,
        "shared-key" => shared(call, id(), By::Key)?,
        "key-with-all-grants" => {
            let key = shared(call, id(), By::Key)?;
            let grants = match of_arn(call, &key.arn)? {
                Some(found) => granted::all_to_caller(call, &found)?,
                None => Vec::new(),
            };
            Resource { grants, ..key }
        }
        "managed-grants-key" => with(
            shared(call, id(), By::Key)?,
            "kms:GrantIsForAWSResource",
            "false",
        ),
        "used-key" => shared(call, id(), By::KeyOrAlias)?,
        "encrypting-key" => {
            let algorithm = member("EncryptionAlgorithm").unwrap_or(SYMMETRIC);
            let key = shared(call, id(), By::KeyOrAlias)?;
            encrypting(key, algorithm, input.member("EncryptionContext"))
        }
        "signing-key" => {
            let kind = member("MessageType").unwrap_or("RAW");
            with(shared(call, id(), By::KeyOrAlias)?, "kms:MessageType", kind)
        }
        "decrypting-key" => {
            let algorithm = member("EncryptionAlgorithm").unwrap_or(SYMMETRIC);
            let key = of_blob(call, input, member("KeyId"), algorithm)?;
            encrypting(key, algorithm, input.member("EncryptionContext"))
        }
        "reencrypted-key" => {
            let algorithm = member("SourceEncryptionAlgorithm").unwrap_or(SYMMETRIC);
            let key = of_blob(call, input, member("SourceKeyId"), algorithm)?;
            let key = encrypting(key, algorithm, input.member("SourceEncryptionContext"));
            on_same_key(call, input, key)?
        }
        "reencrypting-key" => {
            let algorithm = member("DestinationEncryptionAlgorithm").unwrap_or(SYMMETRIC);
            let id = member("DestinationKeyId").unwrap_or_default();
            let key = shared(call, id, By::KeyOrAlias)?;
            let key = encrypting(key, algorithm, input.member("DestinationEncryptionContext"));
            on_same_key(call, input, key)?
        }
        "new-key" => new_key(call, input),
        "tagged-new-key" => any_key(call),
        "policed-key" => {
            let key = own(call, id(), By::Key)?;
            with(key, "kms:BypassPolicyLockoutSafetyCheck", &bypass(input))
        }
        "granted-key" => granted_key(call, input)?,
        "retired-key" => grants::retired_key(call, input)?,
        "alias" => alias(call, member("AliasName").unwrap_or_default())?,
        "target-key" => target(call, input)?,
        "aliased-key" => aliased_key(call, member("AliasName").unwrap_or_default())?,
        "retargeted-keys" => {
            let before = aliased_key(call, member("AliasName").unwrap_or_default())?;
            let after = target(call, input)?;
            return Ok(if before.arn == after.arn {
                vec![after]
            } else {
                vec![before, after]
            });
        }
        "switched-off-key" => untouched(call, own(call, id(), By::Key)?)?,
        "importing-key" => {
            let model = member("ExpirationModel").unwrap_or("KEY_MATERIAL_EXPIRES");
            with(own(call, id(), By::Key)?, "kms:ExpirationModel", model)
        }
        "new-replica" => new_replica(call, input, id())?,
        "primary-and-replica" => {
            let now = own(call, id(), By::Key)?;
            let region = member("PrimaryRegion").unwrap_or_default();
            let then = replica(call, id(), region)?;
            return Ok(std::iter::once(now).chain(then).collect());
        }
        "deleted-key" => {
            let days = input.member("PendingWindowInDays").and_then(Value::as_i64);
            let days = days.unwrap_or(deletion::WINDOW_DAYS.into()).to_string();
            let key = untouched(call, own(call, id(), By::Key)?)?;
            with(key, "kms:ScheduleKeyDeletionPendingWindowInDays", &days)
        }
        // A row with any other name does not pass the test of rows; asked at run time it allows nothing.
        other => Resource::named(format!("unknown-resolver:{other}")),
    };
    Ok(vec![with_grants(call, one, operation)?])
}

/// With the grants that may allow the caller an operation on the key, in the encryption context that conditions see.
fn with_grants(
    call: &Call<'_>,
    resource: Resource,
    operation: &str,
) -> Result<Resource, CallError> {
    if operation.is_empty() {
        return Ok(resource);
    }
    let Some(key) = of_arn(call, &resource.arn)? else {
        return Ok(resource);
    };
    let context: Vec<(String, String)> = resource
        .asked
        .iter()
        .filter_map(|(name, values)| Some((name.strip_prefix(CONTEXT)?, values)))
        .flat_map(|(name, values)| values.iter().map(|value| (name.to_owned(), value.clone())))
        .collect();
    Ok(Resource {
        grants: granted::to_caller(call, &key, operation, &context)?,
        ..resource
    })
}

/// A key by ARN, for explain and replay: with every grant on it, since whoever asked is not who looks.
pub(crate) fn resource(call: &mut Call<'_>, arn: &Arn) -> Result<Option<Resource>, CallError> {
    let (Some(account), Some(id)) = (arn.account(), arn.resource().strip_prefix("key/")) else {
        return Ok(None);
    };
    let Some(key) = Found::look(call.tx, account, arn.region(), id)? else {
        return Ok(None);
    };
    let grants = granted::to_all(call, &key)?;
    Ok(Some(Resource {
        grants,
        context: of_key(call, &key)?,
        ..bare(call, &key)?
    }))
}

/// A key of the caller's account. One of another account is not for operations that stay in their own: it is refused to everybody
/// (KMS Developer Guide, "Allowing users in other accounts to use a KMS key").
fn own(call: &Call<'_>, id: &str, by: By) -> Result<Resource, CallError> {
    let resource = shared(call, id, by)?;
    if resource.account.as_ref() == Some(call.account()) {
        return Ok(resource);
    }
    Ok(Resource {
        account: resource.account,
        policy: Some(policy::nothing()),
        ..Resource::named(resource.arn)
    })
}

/// A key of whichever account.
pub(crate) fn shared(call: &Call<'_>, id: &str, by: By) -> Result<Resource, CallError> {
    match lookup(call, id, by)? {
        Lookup::Found { key, alias } => {
            let resource = existing(call, &key)?;
            Ok(match alias {
                Some(alias) => with(resource, "kms:RequestAlias", &alias),
                None => resource,
            })
        }
        Lookup::Missing { account, arn, .. } => match managed::unmade(call, id)? {
            Some(managed) => Ok(unmade(call, managed)),
            None => Ok(Resource {
                policy: Some(policy::compiled_default(&account)),
                asked: vec![caller_account(call)],
                account: Some(account),
                ..Resource::named(arn)
            }),
        },
    }
}

/// An AWS managed key before its first use.
fn unmade(call: &Call<'_>, managed: &Managed) -> Resource {
    let region = call.context.region.as_str();
    let policy = policy::compile("key-policy", &managed.policy(call.account(), region));
    let key = with(any_key(call), "kms:RequestAlias", &managed.alias());
    Resource {
        policy: Some(policy),
        ..key
    }
}

/// A key that exists, as the caller meets it.
pub(crate) fn existing(call: &Call<'_>, key: &Found) -> Result<Resource, CallError> {
    let bare = bare(call, key)?;
    let namesake = policy::for_namesake(&call.context.caller, &key.key);
    Ok(Resource {
        context: of_key(call, key)?,
        asked: vec![caller_account(call)],
        policy: namesake.or(bare.policy),
        account: bare.account,
        tags: bare.tags,
        ..Resource::named(bare.arn)
    })
}

fn bare(call: &Call<'_>, key: &Found) -> Result<Resource, CallError> {
    let compiled = policy::of_key(call.tx, key.account.as_str(), &key.region, &key.id)?;
    Ok(Resource {
        account: Some(key.account.clone()),
        tags: key.key.tags.clone(),
        policy: compiled,
        ..Resource::named(key.arn())
    })
}

/// The condition keys of a key itself.
fn of_key(call: &Call<'_>, key: &Found) -> Result<Vec<(String, Vec<String>)>, CallError> {
    let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    let mut context = vec![
        one("kms:KeyOrigin", key.ring.origin.as_str()),
        one("kms:KeySpec", key.spec.as_str()),
        one("kms:KeyUsage", key.usage.as_str()),
        one("kms:MultiRegion", bool_text(key.ring.multi_region)),
    ];
    if key.ring.multi_region {
        let kind = if key.is_primary() {
            "PRIMARY"
        } else {
            "REPLICA"
        };
        context.push(one("kms:MultiRegionKeyType", kind));
    }
    let prefix = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let aliases = call.tx.range(&ALIASES_OF_KEY, &prefix, None, usize::MAX)?;
    let aliases: Vec<String> = aliases
        .into_iter()
        .map(|((_, _, _, name), ())| name)
        .collect();
    if !aliases.is_empty() {
        context.push(("kms:ResourceAliases".to_owned(), aliases));
    }
    Ok(context)
}

fn caller_account(call: &Call<'_>) -> (String, Vec<String>) {
    let account = call.account().as_str().to_owned();
    ("kms:CallerAccount".to_owned(), vec![account])
}

pub(crate) fn with(mut resource: Resource, key: &str, value: &str) -> Resource {
    resource
        .asked
        .push((key.to_owned(), vec![value.to_owned()]));
    resource
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn bypass(input: &Value) -> String {
    let given = input.member("BypassPolicyLockoutSafetyCheck");
    bool_text(given.and_then(Value::as_bool).unwrap_or(false)).to_owned()
}

/// The conditions of encrypting and decrypting.
fn encrypting(resource: Resource, algorithm: &str, context: Option<&Value>) -> Resource {
    let resource = with(resource, "kms:EncryptionAlgorithm", algorithm);
    with_encryption_context(resource, context)
}

/// `kms:EncryptionContext:…` and `kms:EncryptionContextKeys`. Keys that differ in case alone are one condition key of several values.
fn with_encryption_context(mut resource: Resource, context: Option<&Value>) -> Resource {
    let pairs = context.and_then(Value::as_map).unwrap_or_default();
    if pairs.is_empty() {
        return resource;
    }
    let mut named: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in pairs {
        let name = format!("{CONTEXT}{key}");
        let value = value.as_str().unwrap_or_default().to_owned();
        let lower = name.to_lowercase();
        match named
            .iter_mut()
            .find(|(known, _)| known.to_lowercase() == lower)
        {
            Some((_, values)) => values.push(value),
            None => named.push((name, vec![value])),
        }
    }
    let keys = pairs.iter().map(|(key, _)| key.clone()).collect();
    resource.asked.extend(named);
    resource
        .asked
        .push(("kms:EncryptionContextKeys".to_owned(), keys));
    resource
}

/// The key that a ciphertext says it is of, unless the call names one. What names nothing that exists is asked about as the caller's
/// own, so that it is refused like a key it may not use.
fn of_blob(
    call: &Call<'_>,
    input: &Value,
    named: Option<&str>,
    algorithm: &str,
) -> Result<Resource, CallError> {
    if let Some(id) = named {
        return shared(call, id, By::KeyOrAlias);
    }
    let Some(Value::Blob(blob)) = input.member("CiphertextBlob") else {
        return Err(invalid("KeyId is required when there is no ciphertext.").into());
    };
    if algorithm != SYMMETRIC {
        return Err(invalid("KeyId is required for decryption with an asymmetric KMS key.").into());
    }
    let Ok(blob) = Blob::parse(blob) else {
        // No key is known that could be asked about: nothing is decided, and nothing is opened.
        return Err(crate::api::errors::invalid_ciphertext_exception("").into());
    };
    let name = &blob.header().key;
    let region = name.region().unwrap_or(call.context.region.as_str());
    let arn = arn(region, &name.account(), &format!("key/{}", name.key_id()));
    if region != call.context.region.as_str() {
        return Ok(any_key(call));
    }
    shared(call, &arn, By::Key)
}

/// Any key of the caller's account, for what is not known.
fn any_key(call: &Call<'_>) -> Resource {
    let arn = arn(
        call.context.region.as_str(),
        call.account().as_str(),
        "key/*",
    );
    Resource {
        account: Some(call.account().clone()),
        policy: Some(policy::compiled_default(call.account())),
        asked: vec![caller_account(call)],
        ..Resource::named(arn)
    }
}

fn on_same_key(call: &Call<'_>, input: &Value, resource: Resource) -> Result<Resource, CallError> {
    let member = |name: &str| input.member(name).and_then(Value::as_str);
    let algorithm = member("SourceEncryptionAlgorithm").unwrap_or(SYMMETRIC);
    let source = of_blob(call, input, member("SourceKeyId"), algorithm)?;
    let id = member("DestinationKeyId").unwrap_or_default();
    let destination = shared(call, id, By::KeyOrAlias)?;
    let same = bool_text(source.arn == destination.arn);
    Ok(with(resource, "kms:ReEncryptOnSameKey", same))
}

/// A key to be made: the defaults count as if they had been given.
fn new_key(call: &Call<'_>, input: &Value) -> Resource {
    let member = |name: &str| input.member(name).and_then(Value::as_str);
    let spec = member("KeySpec")
        .or_else(|| member("CustomerMasterKeySpec"))
        .unwrap_or(SYMMETRIC);
    let multi_region = input.member("MultiRegion").and_then(Value::as_bool);
    let multi_region = multi_region.unwrap_or(false);
    let mut resource = Resource::named("*");
    resource.asked.push(caller_account(call));
    for (key, value) in [
        ("kms:KeySpec", spec),
        (
            "kms:KeyUsage",
            member("KeyUsage").unwrap_or("ENCRYPT_DECRYPT"),
        ),
        ("kms:KeyOrigin", member("Origin").unwrap_or("AWS_KMS")),
        ("kms:MultiRegion", bool_text(multi_region)),
        ("kms:BypassPolicyLockoutSafetyCheck", &bypass(input)),
    ] {
        resource = with(resource, key, value);
    }
    if multi_region {
        resource = with(resource, "kms:MultiRegionKeyType", "PRIMARY");
    }
    resource
}

/// With for how many days the key has not been used.
fn untouched(call: &Call<'_>, resource: Resource) -> Result<Resource, CallError> {
    let Some(key) = of_arn(call, &resource.arn)? else {
        return Ok(resource);
    };
    let days = last_used::trailing_days(call, &key)?.to_string();
    Ok(with(resource, "kms:TrailingDaysWithoutKeyUsage", &days))
}

pub(crate) fn of_arn(call: &Call<'_>, arn: &str) -> Result<Option<Found>, CallError> {
    let Ok(arn) = arn.parse::<Arn>() else {
        return Ok(None);
    };
    match (arn.account(), arn.resource().strip_prefix("key/")) {
        (Some(account), Some(id)) => Found::look(call.tx, account, arn.region(), id),
        _ => Ok(None),
    }
}

/// A replica to be made of a key: asked for as a new key of the same kind.
fn new_replica(call: &Call<'_>, input: &Value, id: &str) -> Result<Resource, CallError> {
    let mut resource = Resource::named("*");
    resource.asked.push(caller_account(call));
    if let Lookup::Found { key, .. } = lookup(call, id, By::Key)? {
        for (name, value) in [
            ("kms:KeySpec", key.spec.as_str()),
            ("kms:KeyUsage", key.usage.as_str()),
            ("kms:KeyOrigin", key.ring.origin.as_str()),
            ("kms:MultiRegion", "true"),
            ("kms:MultiRegionKeyType", "REPLICA"),
            ("kms:BypassPolicyLockoutSafetyCheck", &bypass(input)),
        ] {
            resource = with(resource, name, value);
        }
    }
    Ok(resource)
}

/// The same key in another Region, if it is there.
fn replica(call: &Call<'_>, id: &str, region: &str) -> Result<Option<Resource>, CallError> {
    let Lookup::Found { key, .. } = lookup(call, id, By::Key)? else {
        return Ok(None);
    };
    if key.region == region {
        return Ok(None);
    }
    let there = Found::look(call.tx, &key.account, region, &key.id)?;
    there.map(|there| existing(call, &there)).transpose()
}

/// A key that is to be granted: with the new grant's constraints as conditions.
fn granted_key(call: &Call<'_>, input: &Value) -> Result<Resource, CallError> {
    let id = input.member("KeyId").and_then(Value::as_str);
    let key = shared(call, id.unwrap_or_default(), By::Key)?;
    let mut key = with(key, "kms:GrantIsForAWSResource", "false");
    let constraints = input.member("Constraints");
    let constraint = |name: &str| constraints.and_then(|all| all.member(name));
    for name in ["EncryptionContextEquals", "EncryptionContextSubset"] {
        let context =
            constraint(name).filter(|pairs| pairs.as_map().is_some_and(|p| !p.is_empty()));
        if let Some(context) = context {
            key = with(key, "kms:GrantConstraintType", name);
            key = with_encryption_context(key, Some(context));
        }
    }
    if let Some(arn) = constraint("SourceArn").and_then(Value::as_str) {
        key = with(key, "kms:GrantConstraintSourceArn", arn);
    }
    Ok(key)
}

/// An alias of the caller's account, whether there is one or not.
fn alias(call: &Call<'_>, name: &str) -> Result<Resource, ApiError> {
    managed::check_not_reserved(name)?;
    let arn = arn(call.context.region.as_str(), call.account().as_str(), name);
    let mut resource = Resource::named(arn);
    resource.asked.push(caller_account(call));
    Ok(resource)
}

/// The key an alias is to lead to, by its id or ARN.
fn target(call: &Call<'_>, input: &Value) -> Result<Resource, CallError> {
    let id = input.member("TargetKeyId").and_then(Value::as_str);
    let id = id.unwrap_or_default();
    let resource = id.rsplit_once(':').map_or(id, |(_, resource)| resource);
    if resource.starts_with(ALIAS_PREFIX) {
        // The message is AWS's.
        return Err(invalid("Aliases must refer to keys. Not aliases").into());
    }
    own(call, id, By::Key)
}

/// The key an alias leads to now.
fn aliased_key(call: &Call<'_>, name: &str) -> Result<Resource, CallError> {
    let (account, region) = (call.account(), call.context.region.as_str());
    let found = if name.starts_with(ALIAS_PREFIX) {
        call.tx
            .get_cached(&ALIASES, &(account.as_str(), region, name))?
    } else {
        None
    };
    match found {
        Some(alias) => own(call, &alias.key, By::Key),
        None => Ok(any_key(call)),
    }
}

/// `names::arn`, for what is asked about by its id.
pub(crate) fn key_arn(call: &Call<'_>, id: &str) -> String {
    names::arn(
        call.context.region.as_str(),
        call.account().as_str(),
        &format!("key/{id}"),
    )
}
