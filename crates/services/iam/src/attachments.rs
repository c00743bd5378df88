//! Managed policies attached to users, groups and roles.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::document::quota_exceeded;
use crate::holder::Holder;
use crate::managed::{self, Managed};
use crate::named::{edit, no_such_entity, read, save};
use crate::page::{Ask, Page, page_of};
use crate::tables::{self, Usage};
use crate::{policy_arn, uses};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("AttachUserPolicy", |call, i: AttachUserPolicyInput| {
            attach::<tables::User>(call, &i.user_name, i.policy_arn)?;
            Ok(AttachUserPolicyOutput {})
        })
        .on("AttachGroupPolicy", |call, i: AttachGroupPolicyInput| {
            attach::<tables::Group>(call, &i.group_name, i.policy_arn)?;
            Ok(AttachGroupPolicyOutput {})
        })
        .on("AttachRolePolicy", |call, i: AttachRolePolicyInput| {
            attach::<tables::Role>(call, &i.role_name, i.policy_arn)?;
            Ok(AttachRolePolicyOutput {})
        })
        .on("DetachUserPolicy", |call, i: DetachUserPolicyInput| {
            detach::<tables::User>(call, &i.user_name, &i.policy_arn)?;
            Ok(DetachUserPolicyOutput {})
        })
        .on("DetachGroupPolicy", |call, i: DetachGroupPolicyInput| {
            detach::<tables::Group>(call, &i.group_name, &i.policy_arn)?;
            Ok(DetachGroupPolicyOutput {})
        })
        .on("DetachRolePolicy", |call, i: DetachRolePolicyInput| {
            detach::<tables::Role>(call, &i.role_name, &i.policy_arn)?;
            Ok(DetachRolePolicyOutput {})
        })
        .on(
            "ListAttachedUserPolicies",
            |call, i: ListAttachedUserPoliciesInput| {
                let ask = Ask::new("ListAttachedUserPolicies", i.marker.as_deref(), i.max_items);
                let page = list::<tables::User>(call, ask, &i.user_name, i.path_prefix.as_deref())?;
                Ok(ListAttachedUserPoliciesOutput {
                    is_truncated: Some(page.is_truncated()),
                    marker: page.marker,
                    attached_policies: Some(page.items),
                })
            },
        )
        .on(
            "ListAttachedGroupPolicies",
            |call, i: ListAttachedGroupPoliciesInput| {
                let ask = Ask::new(
                    "ListAttachedGroupPolicies",
                    i.marker.as_deref(),
                    i.max_items,
                );
                let page =
                    list::<tables::Group>(call, ask, &i.group_name, i.path_prefix.as_deref())?;
                Ok(ListAttachedGroupPoliciesOutput {
                    is_truncated: Some(page.is_truncated()),
                    marker: page.marker,
                    attached_policies: Some(page.items),
                })
            },
        )
        .on(
            "ListAttachedRolePolicies",
            |call, i: ListAttachedRolePoliciesInput| {
                let ask = Ask::new("ListAttachedRolePolicies", i.marker.as_deref(), i.max_items);
                let page = list::<tables::Role>(call, ask, &i.role_name, i.path_prefix.as_deref())?;
                Ok(ListAttachedRolePoliciesOutput {
                    is_truncated: Some(page.is_truncated()),
                    marker: page.marker,
                    attached_policies: Some(page.items),
                })
            },
        )
}

/// The policies attached to a thing, as answers show them.
pub(crate) fn show<T: Holder>(row: &T) -> Vec<AttachedPolicy> {
    row.policies()
        .attached
        .iter()
        .map(|arn| show_one(arn))
        .collect()
}

fn show_one(arn: &str) -> AttachedPolicy {
    AttachedPolicy {
        policy_name: Some(policy_arn::name(arn).to_owned()),
        policy_arn: Some(arn.to_owned()),
    }
}

fn attach<T: Holder>(call: &mut Call<'_>, name: &str, arn: String) -> Result<(), CallError> {
    let mut row = edit::<T>(call, name)?;
    match managed::attachable(call, &arn)? {
        None => {
            return Err(no_such_entity(format!(
                "Policy {arn} does not exist or is not attachable."
            )));
        }
        Some(Managed::Aws(policy)) if !policy.is_attachable() => {
            let message = "Cannot attach a Service Role Policy to a Customer Role.";
            return Err(errors::policy_not_attachable_exception(message).into());
        }
        Some(_) => {}
    }
    let attached = &mut row.policies_mut().attached;
    if attached.contains(&arn) {
        return Ok(());
    }
    if attached.len() >= T::ATTACHED_MAX {
        return Err(quota_exceeded(T::ATTACHED_QUOTA, T::ATTACHED_MAX).into());
    }
    attached.push(arn.clone());
    uses::insert(call, &arn, Usage::Permissions, &row)?;
    save(call, &row)?;
    call.touched("AWS::IAM::Policy", policy_arn::name(&arn), &arn);
    Ok(())
}

fn detach<T: Holder>(call: &mut Call<'_>, name: &str, arn: &str) -> Result<(), CallError> {
    let mut row = edit::<T>(call, name)?;
    let attached = &mut row.policies_mut().attached;
    let Some(at) = attached.iter().position(|attached| attached == arn) else {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    };
    attached.remove(at);
    uses::remove::<T>(call, arn, Usage::Permissions, name)?;
    save(call, &row)?;
    call.touched("AWS::IAM::Policy", policy_arn::name(arn), arn);
    Ok(())
}

fn list<T: Holder>(
    call: &mut Call<'_>,
    ask: Ask<'_>,
    name: &str,
    prefix: Option<&str>,
) -> Result<Page<AttachedPolicy>, CallError> {
    let row = read::<T>(call, name)?;
    let on_path = |arn: &&String| policy_arn::path(arn).starts_with(prefix.unwrap_or("/"));
    let shown = row
        .policies()
        .attached
        .iter()
        .filter(on_path)
        .map(|arn| (policy_arn::name(arn).to_owned(), show_one(arn)));
    page_of(call, ask.of(Some(name)).of(prefix), shown.collect())
}
