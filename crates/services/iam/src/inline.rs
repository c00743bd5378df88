//! Inline policies of users, groups and roles.

use palisade_core::{Call, CallError, Handlers};
use palisade_policy::PolicyKind;

use crate::api::*;
use crate::document::Document;
use crate::holder::Holder;
use crate::named::{edit, no_such_entity, read, save};
use crate::page::{Ask, Page, page_of};
use crate::tables;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("PutUserPolicy", |call, i: PutUserPolicyInput| {
            put::<tables::User>(call, &i.user_name, i.policy_name, i.policy_document)?;
            Ok(PutUserPolicyOutput {})
        })
        .on("PutGroupPolicy", |call, i: PutGroupPolicyInput| {
            put::<tables::Group>(call, &i.group_name, i.policy_name, i.policy_document)?;
            Ok(PutGroupPolicyOutput {})
        })
        .on("PutRolePolicy", |call, i: PutRolePolicyInput| {
            put::<tables::Role>(call, &i.role_name, i.policy_name, i.policy_document)?;
            Ok(PutRolePolicyOutput {})
        })
        .on("GetUserPolicy", |call, i: GetUserPolicyInput| {
            let policy_document = get::<tables::User>(call, &i.user_name, &i.policy_name)?;
            Ok(GetUserPolicyOutput {
                user_name: i.user_name,
                policy_name: i.policy_name,
                policy_document,
            })
        })
        .on("GetGroupPolicy", |call, i: GetGroupPolicyInput| {
            let policy_document = get::<tables::Group>(call, &i.group_name, &i.policy_name)?;
            Ok(GetGroupPolicyOutput {
                group_name: i.group_name,
                policy_name: i.policy_name,
                policy_document,
            })
        })
        .on("GetRolePolicy", |call, i: GetRolePolicyInput| {
            let policy_document = get::<tables::Role>(call, &i.role_name, &i.policy_name)?;
            Ok(GetRolePolicyOutput {
                role_name: i.role_name,
                policy_name: i.policy_name,
                policy_document,
            })
        })
        .on("DeleteUserPolicy", |call, i: DeleteUserPolicyInput| {
            delete::<tables::User>(call, &i.user_name, &i.policy_name)?;
            Ok(DeleteUserPolicyOutput {})
        })
        .on("DeleteGroupPolicy", |call, i: DeleteGroupPolicyInput| {
            delete::<tables::Group>(call, &i.group_name, &i.policy_name)?;
            Ok(DeleteGroupPolicyOutput {})
        })
        .on("DeleteRolePolicy", |call, i: DeleteRolePolicyInput| {
            delete::<tables::Role>(call, &i.role_name, &i.policy_name)?;
            Ok(DeleteRolePolicyOutput {})
        })
        .on("ListUserPolicies", |call, i: ListUserPoliciesInput| {
            let ask = Ask::new("ListUserPolicies", i.marker.as_deref(), i.max_items);
            let page = list::<tables::User>(call, ask, &i.user_name)?;
            Ok(ListUserPoliciesOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                policy_names: page.items,
            })
        })
        .on("ListGroupPolicies", |call, i: ListGroupPoliciesInput| {
            let ask = Ask::new("ListGroupPolicies", i.marker.as_deref(), i.max_items);
            let page = list::<tables::Group>(call, ask, &i.group_name)?;
            Ok(ListGroupPoliciesOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                policy_names: page.items,
            })
        })
        .on("ListRolePolicies", |call, i: ListRolePoliciesInput| {
            let ask = Ask::new("ListRolePolicies", i.marker.as_deref(), i.max_items);
            let page = list::<tables::Role>(call, ask, &i.role_name)?;
            Ok(ListRolePoliciesOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                policy_names: page.items,
            })
        })
}

/// The inline policies of a thing, as answers show them.
pub(crate) fn show<T: Holder>(row: &T) -> Vec<PolicyDetail> {
    let show_one = |(name, document): &(String, Document)| PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(document.encoded()),
    };
    row.policies().inline.iter().map(show_one).collect()
}

fn put<T: Holder>(
    call: &mut Call<'_>,
    owner: &str,
    name: String,
    text: String,
) -> Result<(), CallError> {
    let mut row = edit::<T>(call, owner)?;
    let document = Document::new(text, PolicyKind::Identity)?;
    let inline = &mut row.policies_mut().inline;
    match inline.binary_search_by(|(known, _)| known.cmp(&name)) {
        Ok(at) => inline[at].1 = document,
        Err(at) => inline.insert(at, (name, document)),
    }
    let characters: usize = inline
        .iter()
        .map(|(_, document)| document.characters())
        .sum();
    let max = T::INLINE_CHARACTERS_MAX;
    if characters > max {
        let message = format!(
            "Maximum policy size of {max} bytes exceeded for {} {owner}",
            T::KIND
        );
        return Err(errors::limit_exceeded_exception(message).into());
    }
    save(call, &row)
}

fn get<T: Holder>(call: &mut Call<'_>, owner: &str, name: &str) -> Result<String, CallError> {
    let row = read::<T>(call, owner)?;
    let found = row
        .policies()
        .inline
        .iter()
        .find(|(known, _)| known == name);
    found
        .map(|(_, document)| document.encoded())
        .ok_or_else(|| missing::<T>(name))
}

fn delete<T: Holder>(call: &mut Call<'_>, owner: &str, name: &str) -> Result<(), CallError> {
    let mut row = edit::<T>(call, owner)?;
    let inline = &mut row.policies_mut().inline;
    let at = inline
        .iter()
        .position(|(known, _)| known == name)
        .ok_or_else(|| missing::<T>(name))?;
    inline.remove(at);
    save(call, &row)
}

fn list<T: Holder>(
    call: &mut Call<'_>,
    ask: Ask<'_>,
    owner: &str,
) -> Result<Page<String>, CallError> {
    let row = read::<T>(call, owner)?;
    let names = row
        .policies()
        .inline
        .iter()
        .map(|(name, _)| (name.clone(), name.clone()));
    page_of(call, ask.of(Some(owner)), names.collect())
}

fn missing<T: Holder>(name: &str) -> CallError {
    no_such_entity(format!(
        "The {} policy with name {name} cannot be found.",
        T::KIND
    ))
}
