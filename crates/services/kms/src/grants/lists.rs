//! ListGrants and ListRetirableGrants.

use palisade_core::{Call, CallError};
use palisade_model::{OrderedMap, Timestamp};

use super::asked::as_arn;
use super::check_id;
use super::rows::account_of;
use crate::api::*;
use crate::keys::{By, find};
use crate::names::{arn, invalid};
use crate::page::{Ask, SHORT, page, page_of};
use crate::tables::{Constraints, ContextConstraint, GRANTS, GRANTS_OF_RETIRER, Grant, Party};

pub(super) fn of_key(
    call: &mut Call<'_>,
    input: ListGrantsInput,
) -> Result<ListGrantsOutput, CallError> {
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
    if let Some(id) = &input.grant_id {
        check_id(id)?;
    }
    let ask = Ask {
        operation: "ListGrants",
        filter: format!("{}\u{1}{:?}\u{1}{grantee:?}", key.arn(), input.grant_id),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: SHORT,
    };
    let fits = |grant: &Grant| {
        let mut names = grantee.iter();
        names.all(|name| name == grant.grantee.name())
    };
    let place @ (account, region, key_id) =
        (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let page = match &input.grant_id {
        Some(id) => {
            let found = call
                .tx
                .get(&GRANTS, &(account, region, key_id, id.as_str()))?;
            let found = found.filter(|grant| fits(grant));
            let found = found.map(|grant| (id.clone(), entry(&key.arn(), id, &grant)));
            page_of(call, &ask, found.into_iter().collect())?
        }
        None => page(call, &ask, |call, after, limit| {
            let mut entries = Vec::new();
            let owned = |id: &str| [account, region, key_id, id].map(str::to_owned).into();
            let mut after = after.map(owned);
            while entries.len() < limit {
                let rows = call.tx.range(&GRANTS, &place, after.as_ref(), limit)?;
                let is_last = rows.len() < limit;
                after = rows.last().map(|(place, _)| place.clone());
                let fitting = rows.into_iter().filter(|(_, grant)| fits(grant));
                entries.extend(fitting.map(|((.., id), grant)| {
                    let shown = entry(&key.arn(), &id, &grant);
                    (id, shown)
                }));
                if is_last {
                    break;
                }
            }
            entries.truncate(limit);
            Ok(entries)
        })?,
    };
    Ok(ListGrantsOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        grants: Some(page.items),
    })
}

pub(super) fn retirable(
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
