//! Grants: made, listed, retired, revoked.
//!
//! Source: KMS Developer Guide, "Grants in AWS KMS"; the model's text.

use palisade_core::{Arn, Call, CallError, Handlers, Resource, Sealed};
use palisade_model::{ApiError, OrderedMap, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::api::*;
use crate::granted::{self, OPERATIONS};
use crate::keys::{By, Found, find};
use crate::names::{arn, invalid, not_found};
use crate::page::{Ask, SHORT, page};
use crate::policy::{Principal, principal};
use crate::tables::{
    Constraints, ContextConstraint, GRANTS, GRANTS_OF_GRANTEE, GRANTS_OF_RETIRER, Grant, Party,
};
use crate::{count, dry_run, resolve};

/// The most grants of a key (KMS Developer Guide, "Resource quotas").
const OF_KEY_MAX: u32 = 50_000;
/// The most pairs and characters of a context constraint (KMS Developer Guide, "Creating grants").
const CONTEXT_PAIRS_MAX: usize = 8;
const CONTEXT_CHARACTERS_MAX: usize = 384;

const TOKEN_PURPOSE: &str = "kms-grant-token";

/// What a grant token stands for.
#[derive(Serialize, Deserialize)]
struct Token {
    account: String,
    region: String,
    key: String,
    grant: String,
}

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateGrant", create)
        .on("ListGrants", list)
        .on("ListRetirableGrants", list_retirable)
        .on("RetireGrant", retire)
        .on("RevokeGrant", revoke)
}

fn create(call: &mut Call<'_>, input: CreateGrantInput) -> Result<CreateGrantOutput, CallError> {
    let key = find(call, "CreateGrant", &input.key_id, By::Key)?;
    check_tokens(call, input.grant_tokens.as_deref())?;
    let grantee = party(
        call,
        "Grantee",
        input.grantee_principal.as_deref(),
        input.grantee_service_principal.as_deref(),
    )?;
    let Some(grantee) = grantee else {
        return Err(invalid(
            "You must specify either GranteePrincipal or GranteeServicePrincipal.",
        )
        .into());
    };
    let retirer = party(
        call,
        "Retiring",
        input.retiring_principal.as_deref(),
        input.retiring_service_principal.as_deref(),
    )?;
    let operations = operations(&key, input.operations)?;
    let constraints = constraints(&key, &operations, input.constraints)?;
    if matches!(grantee, Party::Service(_))
        && (constraints.source_arn.is_none() || retirer.is_none())
    {
        let message = "A grant with a GranteeServicePrincipal needs a SourceArn constraint and a retiring principal.";
        return Err(invalid(message).into());
    }
    let grant = Grant {
        name: input.name,
        created_ms: call.now_ms(),
        issuer: call.account().clone(),
        grantee,
        retirer,
        operations,
        constraints,
    };
    dry_run(input.dry_run)?;
    let id = match same_name(call, &key, &grant)? {
        Some(id) => id,
        None => keep(call, &key, &grant)?,
    };
    Ok(CreateGrantOutput {
        grant_token: Some(token(call, &key, &id)),
        grant_id: Some(id),
    })
}

/// The principal a request names, as it is kept.
fn party(
    call: &mut Call<'_>,
    role: &str,
    named: Option<&str>,
    service: Option<&str>,
) -> Result<Option<Party>, CallError> {
    match (named, service) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(invalid(format!(
            "You can specify either {role}Principal or {role}ServicePrincipal, but not both."
        ))
        .into()),
        (None, Some(service)) => Ok(Some(Party::Service(service.to_owned()))),
        (Some(name), None) => {
            let arn = as_arn(name);
            let id = match principal(call, &arn)? {
                Principal::Known(id) => Some(id),
                Principal::Unchecked => None,
                Principal::Missing => {
                    let message = format!("ARN does not refer to a valid principal: {name}");
                    return Err(errors::invalid_arn_exception(message).into());
                }
            };
            Ok(Some(Party::Principal { arn, id }))
        }
    }
}

/// An account's number stands for its root.
fn as_arn(name: &str) -> String {
    if palisade_core::AccountId::new(name).is_ok() {
        format!("arn:aws:iam::{name}:root")
    } else {
        name.to_owned()
    }
}

/// Operations that a key of this kind and use has.
fn operations(key: &Found, asked: Vec<String>) -> Result<Vec<String>, ApiError> {
    if asked.is_empty() {
        return Err(invalid("A grant needs at least one operation."));
    }
    let mut operations: Vec<String> = Vec::new();
    for operation in asked {
        if !key_has(key, &operation) {
            return Err(invalid(format!(
                "Operation {operation} is not valid for a key with KeySpec {} and KeyUsage {}.",
                key.spec, key.usage
            )));
        }
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    Ok(operations)
}

/// Source: KMS Developer Guide, "Grant operations".
fn key_has(key: &Found, operation: &str) -> bool {
    use palisade_keyring::spec::KeyUsage as Usage;
    match operation {
        "CreateGrant" | "RetireGrant" | "DescribeKey" => true,
        "GetPublicKey" => key.spec.is_asymmetric(),
        "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => {
            key.usage == Usage::EncryptDecrypt
        }
        "GenerateDataKey"
        | "GenerateDataKeyWithoutPlaintext"
        | "GenerateDataKeyPair"
        | "GenerateDataKeyPairWithoutPlaintext" => key.is_symmetric_encryption(),
        "Sign" | "Verify" => key.usage == Usage::SignVerify,
        "GenerateMac" | "VerifyMac" => key.usage == Usage::GenerateVerifyMac,
        "DeriveSharedSecret" => key.usage == Usage::KeyAgreement,
        "Encapsulate" | "Decapsulate" => key.usage == Usage::EncapsulateDecapsulate,
        _ => false,
    }
}

fn constraints(
    key: &Found,
    operations: &[String],
    given: Option<GrantConstraints>,
) -> Result<Constraints, ApiError> {
    let Some(given) = given else {
        return Ok(Constraints::default());
    };
    // An empty one is none: Terraform sends both.
    let some = |pairs: Option<OrderedMap<String>>| pairs.filter(|pairs| !pairs.0.is_empty());
    let context = match (
        some(given.encryption_context_equals),
        some(given.encryption_context_subset),
    ) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            let message =
                "A grant constraint has either EncryptionContextEquals or EncryptionContextSubset.";
            return Err(invalid(message));
        }
        (Some(pairs), None) => Some(ContextConstraint::Equals(pairs.0)),
        (None, Some(pairs)) => Some(ContextConstraint::Subset(pairs.0)),
    };
    if let Some(ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs)) = &context {
        let characters: usize = pairs
            .iter()
            .map(|(key, value)| key.chars().count() + value.chars().count())
            .sum();
        if pairs.is_empty()
            || pairs.len() > CONTEXT_PAIRS_MAX
            || characters > CONTEXT_CHARACTERS_MAX
        {
            return Err(invalid(format!(
                "An encryption context constraint has 1 to {CONTEXT_PAIRS_MAX} pairs of at most {CONTEXT_CHARACTERS_MAX} characters together."
            )));
        }
        let speaks = operations.iter().any(|operation| {
            OPERATIONS
                .iter()
                .any(|(name, takes)| name == operation && *takes)
        });
        if !key.is_symmetric_encryption() || !speaks {
            return Err(invalid(
                "An encryption context constraint needs an operation that takes an encryption context.",
            ));
        }
    }
    Ok(Constraints {
        context,
        source_arn: given.source_arn,
    })
}

/// The grant that was made before with the same name and all else the same (the model's text of `Name`).
fn same_name(call: &Call<'_>, key: &Found, grant: &Grant) -> Result<Option<String>, CallError> {
    if grant.name.is_none() {
        return Ok(None);
    }
    let (account, region) = (key.account.as_str(), key.region.as_str());
    let prefix = (account, region, key.id.as_str(), grant.grantee.name());
    let known = call
        .tx
        .range(&GRANTS_OF_GRANTEE, &prefix, None, usize::MAX)?;
    for ((_, _, _, _, id), ()) in known {
        let place = (account, region, key.id.as_str(), id.as_str());
        let Some(other) = call.tx.get_cached(&GRANTS, &place)? else {
            continue;
        };
        let same = Grant {
            created_ms: grant.created_ms,
            ..Grant::clone(&other)
        };
        if same == *grant {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn keep(call: &mut Call<'_>, key: &Found, grant: &Grant) -> Result<String, CallError> {
    let (account, region) = (key.account.as_str(), key.region.as_str());
    if !count::add(call, (account, region, &key.id), OF_KEY_MAX)? {
        let message = format!("A key has at most {OF_KEY_MAX} grants.");
        return Err(errors::limit_exceeded_exception(message).into());
    }
    let mut bytes = [0; 32];
    call.random.fill(&mut bytes);
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let key_id = key.id.as_str();
    call.tx
        .put(&GRANTS, &(account, region, key_id, id.as_str()), grant)?;
    let grantee = grant.grantee.name();
    call.tx.put(
        &GRANTS_OF_GRANTEE,
        &(account, region, key_id, grantee, id.as_str()),
        &(),
    )?;
    if let Some(retirer) = &grant.retirer {
        let place = retirable(region, retirer, account, key_id, &id);
        call.tx.put(&GRANTS_OF_RETIRER, &place, &())?;
    }
    Ok(id)
}

/// Deletes a grant and what points to it.
pub(crate) fn remove(
    tx: &mut palisade_store::Tx,
    key: (&str, &str, &str),
    id: &str,
    grant: &Grant,
) -> Result<(), CallError> {
    let (account, region, key_id) = key;
    tx.delete(&GRANTS, &(account, region, key_id, id))?;
    let grantee = grant.grantee.name();
    tx.delete(&GRANTS_OF_GRANTEE, &(account, region, key_id, grantee, id))?;
    if let Some(retirer) = &grant.retirer {
        let place = retirable(region, retirer, account, key_id, id);
        tx.delete(&GRANTS_OF_RETIRER, &place)?;
    }
    count::remove(tx, key)
}

/// Where a grant stands among those that its retiring principal may retire.
fn retirable(
    region: &str,
    retirer: &Party,
    account: &str,
    key: &str,
    grant: &str,
) -> (String, String, String, String, String) {
    (
        account_of(retirer.name()).unwrap_or_else(|| account.to_owned()),
        region.to_owned(),
        retirer.name().to_owned(),
        format!("{account}/{key}"),
        grant.to_owned(),
    )
}

/// The account of a principal; an AWS service has none, and is asked about by the accounts of the keys.
fn account_of(name: &str) -> Option<String> {
    let arn = name.parse::<Arn>().ok()?;
    arn.account().map(|account| account.as_str().to_owned())
}

/// A token: sealed, so that nobody makes one up, and good for what it names alone. The grant counts at once without it.
fn token(call: &mut Call<'_>, key: &Found, grant: &str) -> String {
    let token = Token {
        account: key.account.as_str().to_owned(),
        region: key.region.clone(),
        key: key.id.clone(),
        grant: grant.to_owned(),
    };
    let plain = serde_json::to_vec(&token).unwrap_or_default();
    let sealed = call.env.seal.seal(TOKEN_PURPOSE, "", &plain, call.random);
    let bytes = sealed.as_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open_token(call: &Call<'_>, token: &str) -> Result<Token, ApiError> {
    let wrong = || errors::invalid_grant_token_exception("Invalid grant token");
    let bytes: Option<Vec<u8>> = (token.len().is_multiple_of(2) && token.is_ascii())
        .then(|| {
            (0..token.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok())
                .collect()
        })
        .flatten();
    let sealed = Sealed::from_bytes(bytes.ok_or_else(wrong)?);
    let seal = &call.env.seal;
    let plain = match seal.open(TOKEN_PURPOSE, "", &sealed) {
        // Sealed by another node, perhaps, with a key that is newer than those known here.
        Err(_) if seal.learn(call.tx).is_ok_and(|learnt| learnt) => {
            seal.open(TOKEN_PURPOSE, "", &sealed)
        }
        opened => opened,
    };
    let plain = plain.map_err(|_| wrong())?;
    serde_json::from_slice(&plain).map_err(|_| wrong())
}

/// Grant tokens of a call must be some that were given out. Grants count at once, so a token adds nothing to the decision.
pub(crate) fn check_tokens(call: &Call<'_>, tokens: Option<&[String]>) -> Result<(), ApiError> {
    for token in tokens.unwrap_or_default() {
        open_token(call, token)?;
    }
    Ok(())
}

fn list(call: &mut Call<'_>, input: ListGrantsInput) -> Result<ListGrantsOutput, CallError> {
    let key = find(call, "ListGrants", &input.key_id, By::Key)?;
    if input.grantee_service_principal.is_some() && input.grantee_principal.is_some() {
        let message =
            "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.";
        return Err(invalid(message).into());
    }
    let grantee = input
        .grantee_principal
        .as_deref()
        .map(as_arn)
        .or(input.grantee_service_principal);
    let ask = Ask {
        operation: "ListGrants",
        filter: format!("{}\u{1}{:?}\u{1}{grantee:?}", key.arn(), input.grant_id),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: SHORT,
    };
    let only = input.grant_id;
    let page = page(call, &ask, |call, after, limit| {
        let place = (key.account.as_str(), key.region.as_str(), key.id.as_str());
        let mut entries = Vec::new();
        let mut after = after.map(|id| {
            let (account, region, key) = place;
            (
                account.to_owned(),
                region.to_owned(),
                key.to_owned(),
                id.to_owned(),
            )
        });
        while entries.len() < limit {
            let rows = call.tx.range(&GRANTS, &place, after.as_ref(), limit)?;
            let is_last = rows.len() < limit;
            after = rows.last().map(|(place, _)| place.clone());
            let fitting = rows.into_iter().filter(|((_, _, _, id), grant)| {
                only.as_ref().is_none_or(|only| only == id)
                    && grantee
                        .as_ref()
                        .is_none_or(|name| name == grant.grantee.name())
            });
            entries.extend(fitting.map(|((_, _, _, id), grant)| {
                let shown = entry(&key.arn(), &id, &grant);
                (id, shown)
            }));
            if is_last {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    })?;
    Ok(ListGrantsOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        grants: Some(page.items),
    })
}

fn list_retirable(
    call: &mut Call<'_>,
    input: ListRetirableGrantsInput,
) -> Result<ListRetirableGrantsOutput, CallError> {
    let name = match (&input.retiring_principal, &input.retiring_service_principal) {
        (Some(name), None) => as_arn(name),
        (None, Some(service)) => service.clone(),
        _ => {
            let message = "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both.";
            return Err(invalid(message).into());
        }
    };
    let owner = call.account().as_str().to_owned();
    if account_of(&name).is_some_and(|account| account != owner) {
        // The model's text: a principal of the caller's account.
        let message = "The retiring principal must be in your account.";
        return Err(errors::invalid_arn_exception(message).into());
    }
    let ask = Ask {
        operation: "ListRetirableGrants",
        filter: name.clone(),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: SHORT,
    };
    let page = page(call, &ask, |call, after, limit| {
        let region = call.context.region.as_str().to_owned();
        let after = after.and_then(|after| {
            let (key, grant) = after.rsplit_once('/')?;
            let (owner, region, name) = (owner.clone(), region.clone(), name.clone());
            Some((owner, region, name, key.to_owned(), grant.to_owned()))
        });
        let prefix = (owner.as_str(), region.as_str(), name.as_str());
        let rows = call
            .tx
            .range(&GRANTS_OF_RETIRER, &prefix, after.as_ref(), limit)?;
        let mut entries = Vec::new();
        for ((_, _, _, key, id), ()) in rows {
            let Some((account, key_id)) = key.split_once('/') else {
                continue;
            };
            let place = (account, region.as_str(), key_id, id.as_str());
            if let Some(grant) = call.tx.get_cached(&GRANTS, &place)? {
                let key_arn = arn(&region, account, &format!("key/{key_id}"));
                entries.push((format!("{key}/{id}"), entry(&key_arn, &id, &grant)));
            }
        }
        Ok(entries)
    })?;
    Ok(ListRetirableGrantsOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        grants: Some(page.items),
    })
}

fn entry(key_arn: &str, id: &str, grant: &Grant) -> GrantListEntry {
    let split = |party: Option<&Party>| match party {
        Some(Party::Principal { arn, .. }) => (Some(arn.clone()), None),
        // The model's text: a service stands in both members.
        Some(Party::Service(name)) => (Some(name.clone()), Some(name.clone())),
        None => (None, None),
    };
    let (grantee, grantee_service) = split(Some(&grant.grantee));
    let (retirer, retirer_service) = split(grant.retirer.as_ref());
    let context = |wanted: bool| match &grant.constraints.context {
        Some(ContextConstraint::Equals(pairs)) if wanted => Some(pairs.clone()),
        Some(ContextConstraint::Subset(pairs)) if !wanted => Some(pairs.clone()),
        _ => None,
    };
    let constraints = GrantConstraints {
        encryption_context_equals: context(true).map(OrderedMap),
        encryption_context_subset: context(false).map(OrderedMap),
        source_arn: grant.constraints.source_arn.clone(),
    };
    GrantListEntry {
        key_id: Some(key_arn.to_owned()),
        grant_id: Some(id.to_owned()),
        name: Some(grant.name.clone().unwrap_or_default()),
        creation_date: Timestamp::from_millis(grant.created_ms),
        grantee_principal: grantee,
        retiring_principal: retirer,
        issuing_account: Some(format!("arn:aws:iam::{}:root", grant.issuer)),
        operations: Some(grant.operations.clone()),
        constraints: (grant.constraints != Constraints::default()).then_some(constraints),
        grantee_service_principal: grantee_service,
        retiring_service_principal: retirer_service,
    }
}

/// Which grant a RetireGrant means: its token, or its key and id.
fn named(
    call: &Call<'_>,
    token: Option<&str>,
    key: Option<&str>,
    grant: Option<&str>,
) -> Result<(String, String), ApiError> {
    match (token, key, grant) {
        (Some(token), None, None) => {
            let token = open_token(call, token)?;
            if token.region != call.context.region.as_str() {
                return Err(errors::invalid_grant_token_exception("Invalid grant token"));
            }
            let key = arn(&token.region, &token.account, &format!("key/{}", token.key));
            Ok((key, token.grant))
        }
        (None, Some(key), Some(grant)) => Ok((key.to_owned(), grant.to_owned())),
        _ => Err(invalid(
            "You must specify either GrantToken, or both KeyId and GrantId.",
        )),
    }
}

/// The key of a grant that is to be retired. The grant says who may: its retiring principal, its grantee if it has that operation,
/// and the account that made it; a policy alone allows it to nobody, but may deny it (KMS Developer Guide, "Retiring and revoking
/// grants").
pub(crate) fn retired_key(call: &mut Call<'_>, input: &Value) -> Result<Resource, CallError> {
    let member = |name: &str| input.member(name).and_then(Value::as_str);
    let (key, id) = named(
        call,
        member("GrantToken"),
        member("KeyId"),
        member("GrantId"),
    )?;
    let resource = resolve::shared(call, &key, By::Key)?;
    let Ok(arn) = resource.arn.parse::<Arn>() else {
        return Ok(resource);
    };
    let (Some(account), Some(key_id)) = (arn.account(), arn.resource().strip_prefix("key/")) else {
        return Ok(resource);
    };
    let place = (account.as_str(), arn.region(), key_id, id.as_str());
    let Some(grant) = call.tx.get_cached(&GRANTS, &place)? else {
        return Ok(resource);
    };
    let mut grants: Vec<_> = resource
        .grants
        .iter()
        .filter(|policy| policy.name() == format!("grant:{id}"))
        .cloned()
        .collect();
    grants.push(granted::retiring(call, &id, &grant));
    Ok(Resource {
        policy: resource.policy.map(|policy| granted::denials_of(&policy)),
        grants,
        ..resource
    })
}

fn retire(call: &mut Call<'_>, input: RetireGrantInput) -> Result<RetireGrantOutput, CallError> {
    let (key, id) = named(
        call,
        input.grant_token.as_deref(),
        input.key_id.as_deref(),
        input.grant_id.as_deref(),
    )?;
    end(call, "RetireGrant", &key, &id, input.dry_run)?;
    Ok(RetireGrantOutput {})
}

fn revoke(call: &mut Call<'_>, input: RevokeGrantInput) -> Result<RevokeGrantOutput, CallError> {
    end(
        call,
        "RevokeGrant",
        &input.key_id,
        &input.grant_id,
        input.dry_run,
    )?;
    Ok(RevokeGrantOutput {})
}

fn end(
    call: &mut Call<'_>,
    operation: &'static str,
    key: &str,
    id: &str,
    dry: Option<bool>,
) -> Result<(), CallError> {
    let found = find(call, operation, key, By::Key)?;
    let place = (
        found.account.as_str(),
        found.region.as_str(),
        found.id.as_str(),
    );
    let (account, region, key) = place;
    let Some(grant) = call.tx.get_cached(&GRANTS, &(account, region, key, id))? else {
        return Err(not_found(format!("Grant ID {id} not found")).into());
    };
    dry_run(dry)?;
    remove(call.tx, place, id, &grant)
}
