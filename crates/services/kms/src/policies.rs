//! Key policies, as they are put and shown.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::keys::{By, find};
use crate::names::not_found;
use crate::page::{Ask, LONG, page_of};
use crate::policy;
use crate::tables::Key;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("GetKeyPolicy", get)
        .on("PutKeyPolicy", put)
        .on("ListKeyPolicies", list)
}

fn get(call: &mut Call<'_>, input: GetKeyPolicyInput) -> Result<GetKeyPolicyOutput, CallError> {
    let found = find(call, "GetKeyPolicy", &input.key_id, By::Key)?;
    let name = input.policy_name.unwrap_or_else(|| policy::NAME.to_owned());
    if name != policy::NAME {
        return Err(not_found("No such policy exists").into());
    }
    Ok(GetKeyPolicyOutput {
        policy: Some(policy::shown(call, &found.key)?),
        policy_name: Some(name),
    })
}

fn put(call: &mut Call<'_>, input: PutKeyPolicyInput) -> Result<PutKeyPolicyOutput, CallError> {
    let found = find(call, "PutKeyPolicy", &input.key_id, By::Key)?;
    // AWS_RAM is put by Resource Access Manager alone (the model's text).
    if input.policy_name.is_some_and(|name| name != policy::NAME) {
        return Err(not_found("No such policy exists").into());
    }
    let bypass = input.bypass_policy_lockout_safety_check.unwrap_or(false);
    let trusted = policy::check(call, &found.arn(), &input.policy, bypass)?;
    let mut key = Key::clone(&found.key);
    key.trusted = trusted;
    key.policy = input.policy;
    found.save_key(call, &key)?;
    Ok(PutKeyPolicyOutput {})
}

fn list(
    call: &mut Call<'_>,
    input: ListKeyPoliciesInput,
) -> Result<ListKeyPoliciesOutput, CallError> {
    let found = find(call, "ListKeyPolicies", &input.key_id, By::Key)?;
    let ask = Ask {
        operation: "ListKeyPolicies",
        filter: found.id.clone(),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: LONG,
    };
    let names = vec![(policy::NAME.to_owned(), policy::NAME.to_owned())];
    let page = page_of(call, &ask, names)?;
    Ok(ListKeyPoliciesOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        policy_names: Some(page.items),
    })
}
