//! What a key is good for now, and what a call of the past would meet: for the report of what a change costs.

use palisade_core::record::ApiCall;
use palisade_core::{AccountId, Arn, Call, CallError, Standing};
use serde_json::Value as Json;

use crate::keys::{Found, missing};
use crate::names::{ALIAS_PREFIX, arn};
use crate::state::State;
use crate::tables::{ALIASES, ALIASES_OF_KEY, GRANTS, Party};

/// How many grants and aliases are named.
const NAMED_MAX: usize = 100;

/// What is known of a key.
pub(crate) fn of(call: &Call<'_>, arn: &Arn) -> Result<Option<Standing>, CallError> {
    let Some(key) = found(call, arn)? else {
        return Ok(None);
    };
    let place = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let grants = call.tx.range(&GRANTS, &place, None, NAMED_MAX + 1)?;
    let aliases = call
        .tx
        .range(&ALIASES_OF_KEY, &place, None, NAMED_MAX + 1)?;
    let more = grants.len().max(aliases.len()) > NAMED_MAX;
    let grants = grants.into_iter().map(|((_, _, _, id), grant)| {
        let to = match &grant.grantee {
            Party::Principal { arn, .. } => arn.as_str(),
            Party::Service(name) => name,
        };
        let name = format!("{id} to {to}: {}", grant.operations.join(" "));
        ("grant", name)
    });
    let aliases = aliases
        .into_iter()
        .map(|((_, _, _, name), ())| ("alias", name));
    let others = key.ring.regions.iter().filter(|one| **one != key.region);
    let replicas = others.map(|region| {
        let is_primary = *region == key.ring.primary;
        let kind = if is_primary { "primary" } else { "replica" };
        (kind, key.arn_in(region))
    });
    let state = key.state();
    Ok(Some(Standing {
        state: state.as_str().to_owned(),
        usable: matches!(state, State::Enabled | State::Updating),
        dependents: grants
            .take(NAMED_MAX)
            .chain(aliases.take(NAMED_MAX))
            .chain(replicas)
            .collect(),
        more,
    }))
}

/// Why a call that went well once would fail now: the alias it named leads nowhere, a key it was about is gone, or in a state that
/// refuses the operation. Of calls that took an identifier of no key nothing is said.
pub(crate) fn refuses(call: &Call<'_>, made: &ApiCall) -> Result<Option<String>, CallError> {
    for named in aliases_named(made) {
        let target = call.tx.get_cached(&ALIASES, &named)?;
        if target.is_none() {
            let (account, region, name) = named;
            let arn = arn(&region, &account, &name);
            return Ok(Some(format!(
                "NotFoundException: Alias {arn} is not found."
            )));
        }
    }
    for resource in &made.resources {
        let Ok(arn) = resource.arn.parse::<Arn>() else {
            continue;
        };
        if !arn.resource().starts_with("key/") {
            continue;
        }
        let refusal = match found(call, &arn)? {
            None => Some(missing(&resource.arn)),
            Some(key) => key.check(&made.operation).err(),
        };
        if let Some(error) = refusal {
            return Ok(Some(format!("{}: {}", error.code, error.message)));
        }
    }
    Ok(None)
}

fn found(call: &Call<'_>, arn: &Arn) -> Result<Option<Found>, CallError> {
    let (Some(account), Some(id)) = (arn.account(), arn.resource().strip_prefix("key/")) else {
        return Ok(None);
    };
    Found::look(call.tx, account, arn.region(), id)
}

/// The members that name a key, in records.
const NAMES: [&str; 3] = ["keyId", "sourceKeyId", "destinationKeyId"];

/// The aliases that a call used a key by.
fn aliases_named(made: &ApiCall) -> Vec<(String, String, String)> {
    // Most calls name none, and need not be read.
    let Some(text) = made
        .request_parameters
        .as_deref()
        .filter(|text| text.contains(ALIAS_PREFIX))
    else {
        return Vec::new();
    };
    let parameters: Json = serde_json::from_str(text).unwrap_or_default();
    let named = NAMES.iter().filter_map(|name| parameters[*name].as_str());
    named
        .filter_map(|id| {
            let (account, name) = match id.parse::<Arn>() {
                Ok(arn) => (arn.account().cloned()?, arn.resource().to_owned()),
                Err(_) => (AccountId::clone(&made.caller.account), id.to_owned()),
            };
            name.starts_with(ALIAS_PREFIX).then(|| {
                let region = made.region.as_str().to_owned();
                (account.as_str().to_owned(), region, name)
            })
        })
        .collect()
}
