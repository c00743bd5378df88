//! Grants: made, listed, retired, revoked.
//!
//! Source: KMS Developer Guide, "Grants in AWS KMS"; the model's text.

mod asked;
mod lists;
mod rows;
mod tokens;

pub(crate) use rows::{granting, naming, remove};
pub(crate) use tokens::check_tokens;

use palisade_core::{Arn, Call, CallError, Handlers, Resource};
use palisade_model::{ApiError, Value};

use crate::api::*;
use crate::keys::{By, find};
use crate::names::{arn, invalid, not_found};
use crate::tables::GRANTS;
use crate::{dry_run, granted, resolve};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateGrant", create)
        .on("ListGrants", lists::of_key)
        .on("ListRetirableGrants", lists::retirable)
        .on("RetireGrant", retire)
        .on("RevokeGrant", revoke)
}

fn create(call: &mut Call<'_>, input: CreateGrantInput) -> Result<CreateGrantOutput, CallError> {
    let key = find(call, "CreateGrant", &input.key_id, By::Key)?;
    check_tokens(call, input.grant_tokens.as_deref())?;
    let dry = input.dry_run;
    let grant = asked::grant(call, &key, input)?;
    dry_run(dry)?;
    let id = match rows::same_name(call, &key, &grant)? {
        Some(id) => id,
        None => rows::keep(call, &key, &grant)?,
    };
    Ok(CreateGrantOutput {
        grant_token: Some(tokens::token(call, &key, &id)),
        grant_id: Some(id),
    })
}

/// A grant id is 64 hexadecimal digits; nothing else is looked for.
fn check_id(id: &str) -> Result<(), ApiError> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if id.len() == 64 && id.bytes().all(is_hex) {
        return Ok(());
    }
    Err(errors::invalid_grant_id_exception("Invalid grant ID"))
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
            let token = tokens::open(call, token)?;
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
    let mut grants = Vec::new();
    if let Some(found) = resolve::of_arn(call, &resource.arn)? {
        grants.extend(granted::policy_of(
            call,
            &found,
            &id,
            Some(&call.context.caller),
        )?);
    }
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
    check_id(id)?;
    let Some(grant) = call.tx.get_cached(&GRANTS, &(account, region, key, id))? else {
        return Err(not_found(format!("Grant ID {id} not found")).into());
    };
    dry_run(dry)?;
    rows::remove(call.tx, place, id, &grant)
}
