//! Aliases: names that lead to keys.

use palisade_core::{Call, CallError, Handlers};
use palisade_model::{ApiError, Timestamp};

use crate::api::*;
use crate::keys::{By, Found, Lookup, find, lookup, missing};
use crate::managed;
use crate::names::{ALIAS_PREFIX, arn, invalid, not_found};
use crate::page::{Ask, SHORT, page, page_of};
use crate::tables::{ALIASES, ALIASES_OF_KEY, Alias, Place};

/// The most aliases of a key (KMS Developer Guide, "Resource quotas").
const OF_KEY_MAX: usize = 50;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateAlias", create)
        .on("UpdateAlias", update)
        .on("DeleteAlias", delete)
        .on("ListAliases", list)
}

fn create(call: &mut Call<'_>, input: CreateAliasInput) -> Result<CreateAliasOutput, CallError> {
    check_name(&input.alias_name)?;
    let found = find(call, "CreateAlias", &input.target_key_id, By::Key)?;
    if look(call, &input.alias_name)?.is_some() {
        let arn = alias_arn(call, &input.alias_name);
        let message = format!("An alias with the name {arn} already exists");
        return Err(errors::already_exists_exception(message).into());
    }
    let now_ms = call.now_ms();
    lead(call, &input.alias_name, &found, now_ms)?;
    Ok(CreateAliasOutput {})
}

fn update(call: &mut Call<'_>, input: UpdateAliasInput) -> Result<UpdateAliasOutput, CallError> {
    check_name(&input.alias_name)?;
    let alias = known(call, &input.alias_name)?;
    let found = find(call, "UpdateAlias", &input.target_key_id, By::Key)?;
    let account = call.account().clone();
    let before = Found::look(call.tx, &account, &found.region, &alias.key)?;
    if let Some(before) = before.filter(|before| {
        before.usage != found.usage || before.spec.is_asymmetric() != found.spec.is_asymmetric()
    }) {
        // The model's text: both keys must be of the same type and use.
        return Err(invalid(format!(
            "Alias {} cannot be changed from a key with KeyUsage {} and KeySpec {} to one with KeyUsage {} and KeySpec {}",
            alias_arn(call, &input.alias_name),
            before.usage,
            before.spec,
            found.usage,
            found.spec
        ))
        .into());
    }
    let place = (
        account.as_str(),
        found.region.as_str(),
        alias.key.as_str(),
        input.alias_name.as_str(),
    );
    call.tx.delete(&ALIASES_OF_KEY, &place)?;
    lead(call, &input.alias_name, &found, alias.created_ms)?;
    Ok(UpdateAliasOutput {})
}

/// Makes an alias lead to a key.
fn lead(call: &mut Call<'_>, name: &str, found: &Found, created_ms: i64) -> Result<(), CallError> {
    let (account, region) = (found.account.as_str(), found.region.as_str());
    let prefix = (account, region, found.id.as_str());
    let has = call.tx.range(&ALIASES_OF_KEY, &prefix, None, OF_KEY_MAX)?;
    if has.len() >= OF_KEY_MAX {
        let message = format!("You cannot create more than {OF_KEY_MAX} aliases for a key.");
        return Err(errors::limit_exceeded_exception(message).into());
    }
    let alias = Alias {
        key: found.id.clone(),
        created_ms,
        updated_ms: call.now_ms(),
    };
    let arn = alias_arn(call, name);
    call.tx.put(&ALIASES, &(account, region, name), &alias)?;
    call.tx.put(
        &ALIASES_OF_KEY,
        &(account, region, found.id.as_str(), name),
        &(),
    )?;
    call.touched("AWS::KMS::Alias", &arn, &arn);
    Ok(())
}

fn delete(call: &mut Call<'_>, input: DeleteAliasInput) -> Result<DeleteAliasOutput, CallError> {
    check_name(&input.alias_name)?;
    let alias = known(call, &input.alias_name)?;
    let account = call.account().clone();
    let region = call.context.region.clone();
    let (account, region) = (account.as_str(), region.as_str());
    let name = input.alias_name.as_str();
    call.tx.delete(&ALIASES, &(account, region, name))?;
    call.tx.delete(
        &ALIASES_OF_KEY,
        &(account, region, alias.key.as_str(), name),
    )?;
    for arn in [
        alias_arn(call, name),
        crate::resolve::key_arn(call, &alias.key),
    ] {
        let kind = if arn.contains(":alias/") {
            "AWS::KMS::Alias"
        } else {
            "AWS::KMS::Key"
        };
        call.touched(kind, &arn, &arn);
    }
    Ok(DeleteAliasOutput {})
}

fn list(call: &mut Call<'_>, input: ListAliasesInput) -> Result<ListAliasesOutput, CallError> {
    let key = match &input.key_id {
        Some(id) => Some(own(call, id)?),
        None => None,
    };
    let ask = Ask {
        operation: "ListAliases",
        filter: key.as_ref().map(|key| key.id.clone()).unwrap_or_default(),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: SHORT,
    };
    let page = match key {
        Some(key) => {
            let prefix = (key.account.as_str(), key.region.as_str(), key.id.as_str());
            let names = call.tx.range(&ALIASES_OF_KEY, &prefix, None, usize::MAX)?;
            let mut entries = Vec::new();
            for ((_, _, _, name), ()) in names {
                if let Some(alias) = look(call, &name)? {
                    entries.push((name.clone(), entry(call, &name, &alias)));
                }
            }
            page_of(call, &ask, entries)?
        }
        None => page(call, &ask, |call, after, limit| {
            let account = call.account().as_str().to_owned();
            let region = call.context.region.as_str().to_owned();
            let after = after.map(|name| (account.clone(), region.clone(), name.to_owned()));
            let prefix = (account.as_str(), region.as_str());
            let found = call.tx.range(&ALIASES, &prefix, after.as_ref(), limit)?;
            let entries = found
                .into_iter()
                .map(|((_, _, name), alias)| (name.clone(), entry(call, &name, &alias)));
            let mut entries: Vec<_> = entries.collect();
            entries.extend(unmade(call, after.as_ref())?);
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            entries.truncate(limit);
            Ok(entries)
        })?,
    };
    Ok(ListAliasesOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        aliases: Some(page.items),
    })
}

/// The aliases behind `after` of AWS managed keys that are not made yet: they lead nowhere.
fn unmade(
    call: &Call<'_>,
    after: Option<&Place>,
) -> Result<Vec<(String, AliasListEntry)>, CallError> {
    let mut entries = Vec::new();
    for name in managed::ALL.iter().map(managed::Managed::alias) {
        if after.is_none_or(|(_, _, after)| name > *after) && look(call, &name)?.is_none() {
            let entry = AliasListEntry {
                alias_name: Some(name.clone()),
                alias_arn: Some(alias_arn(call, &name)),
                target_key_id: None,
                creation_date: None,
                last_updated_date: None,
            };
            entries.push((name, entry));
        }
    }
    Ok(entries)
}

/// The key whose aliases are asked for. Nothing is asked about the key itself, so one of another account is not found, as if there
/// were none.
fn own(call: &mut Call<'_>, id: &str) -> Result<Found, CallError> {
    if let Lookup::Found { key, .. } = lookup(call, id, By::Key)?
        && key.account != *call.account()
    {
        return Err(missing(&key.arn()).into());
    }
    find(call, "ListAliases", id, By::Key)
}

fn entry(call: &Call<'_>, name: &str, alias: &Alias) -> AliasListEntry {
    AliasListEntry {
        alias_name: Some(name.to_owned()),
        alias_arn: Some(alias_arn(call, name)),
        target_key_id: Some(alias.key.clone()),
        creation_date: Timestamp::from_millis(alias.created_ms),
        last_updated_date: Timestamp::from_millis(alias.updated_ms),
    }
}

fn look(call: &Call<'_>, name: &str) -> Result<Option<Alias>, CallError> {
    let place = (call.account().as_str(), call.context.region.as_str(), name);
    Ok(call.tx.get(&ALIASES, &place)?)
}

fn known(call: &Call<'_>, name: &str) -> Result<Alias, CallError> {
    let missing = || not_found(format!("Alias {} is not found.", alias_arn(call, name)));
    Ok(look(call, name)?.ok_or_else(missing)?)
}

fn alias_arn(call: &Call<'_>, name: &str) -> String {
    arn(call.context.region.as_str(), call.account().as_str(), name)
}

/// An alias begins with `alias/`; what begins with `alias/aws/` has been refused by now.
fn check_name(name: &str) -> Result<(), ApiError> {
    let Some(rest) = name.strip_prefix(ALIAS_PREFIX) else {
        return Err(invalid(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if rest.is_empty() || rest.contains(':') {
        return Err(errors::invalid_alias_name_exception(format!(
            "{name} is not a valid alias name."
        )));
    }
    Ok(())
}
