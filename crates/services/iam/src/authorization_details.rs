//! `GetAccountAuthorizationDetails`: every user, group, role and managed policy with all that is attached to it, for tools that
//! look at a whole account.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::boundaries::boundary_of;
use crate::document::encode;
use crate::managed::{AwsPolicy, MANAGED_POLICIES};
use crate::named::{Named, rows};
use crate::page::{Ask, Source, page};
use crate::tables::{self, Usage};
use crate::tags::from_tags;
use crate::{attachments, groups, inline, instance_profiles, last_used, policies, trust, uses};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers.on("GetAccountAuthorizationDetails", get)
}

enum Detail {
    User(UserDetail),
    Group(GroupDetail),
    Role(Box<RoleDetail>),
    Policy(ManagedPolicyDetail),
}

fn get(
    call: &mut Call<'_>,
    input: GetAccountAuthorizationDetailsInput,
) -> Result<GetAccountAuthorizationDetailsOutput, CallError> {
    let filter = input.filter.unwrap_or_default();
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|asked| asked == kind);
    let ask = Ask::new(
        "GetAccountAuthorizationDetails",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(Some(&filter.join(",")));
    let mut sources: Vec<Box<Source<'_, Detail>>> = vec![
        Box::new(|call, after, limit| every(call, after, limit, wanted("User"), user)),
        Box::new(|call, after, limit| every(call, after, limit, wanted("Group"), group)),
        Box::new(|call, after, limit| every(call, after, limit, wanted("Role"), role)),
        Box::new(|call, after, limit| {
            every(
                call,
                after,
                limit,
                wanted("LocalManagedPolicy"),
                local_policy,
            )
        }),
        Box::new(|call, after, limit| {
            if wanted("AWSManagedPolicy") {
                aws_policies(call, after, limit)
            } else {
                Ok(Vec::new())
            }
        }),
    ];
    let mut sources: Vec<&mut Source<'_, Detail>> =
        sources.iter_mut().map(|source| &mut **source).collect();
    let page = page(call, ask, &mut sources)?;
    let is_truncated = page.is_truncated();
    let (mut users, mut groups, mut roles, mut policies) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for detail in page.items {
        match detail {
            Detail::User(user) => users.push(user),
            Detail::Group(group) => groups.push(group),
            Detail::Role(role) => roles.push(*role),
            Detail::Policy(policy) => policies.push(policy),
        }
    }
    Ok(GetAccountAuthorizationDetailsOutput {
        user_detail_list: Some(users),
        group_detail_list: Some(groups),
        role_detail_list: Some(roles),
        policies: Some(policies),
        is_truncated: Some(is_truncated),
        marker: page.marker,
    })
}

fn every<T: Named>(
    call: &Call<'_>,
    after: Option<&str>,
    limit: usize,
    wanted: bool,
    show: impl Fn(&Call<'_>, &T) -> Result<Detail, CallError>,
) -> Result<Vec<(String, Detail)>, CallError> {
    if !wanted {
        return Ok(Vec::new());
    }
    let rows = rows::<T>(call, after, limit, |_| Ok(true))?;
    rows.into_iter()
        .map(|(key, row)| Ok((key, show(call, &row)?)))
        .collect()
}

fn user(call: &Call<'_>, user: &tables::User) -> Result<Detail, CallError> {
    let mut names = Vec::new();
    for id in &user.groups {
        let group = groups::by_id(call.tx, call.account(), id)?;
        names.extend(group.map(|group| group.head.name.clone()));
    }
    Ok(Detail::User(UserDetail {
        path: Some(user.head.path.clone()),
        user_name: Some(user.head.name.clone()),
        user_id: Some(user.head.id.clone()),
        arn: Some(user.arn(call.account())),
        create_date: Some(user.head.created()),
        user_policy_list: Some(inline::show(user)),
        group_list: Some(names),
        attached_managed_policies: Some(attachments::show(user)),
        permissions_boundary: boundary_of(user.boundary.as_deref()),
        tags: Some(from_tags(&user.tags)),
    }))
}

fn group(call: &Call<'_>, group: &tables::Group) -> Result<Detail, CallError> {
    Ok(Detail::Group(GroupDetail {
        path: Some(group.head.path.clone()),
        group_name: Some(group.head.name.clone()),
        group_id: Some(group.head.id.clone()),
        arn: Some(group.arn(call.account())),
        create_date: Some(group.head.created()),
        group_policy_list: Some(inline::show(group)),
        attached_managed_policies: Some(attachments::show(group)),
    }))
}

fn role(call: &Call<'_>, role: &tables::Role) -> Result<Detail, CallError> {
    let mut profiles = Vec::new();
    for key in instance_profiles::of_role(call, &role.head.name, None, usize::MAX)? {
        if let Some(profile) = call.tx.get_cached(
            &tables::INSTANCE_PROFILES,
            &(call.account().as_str(), key.as_str()),
        )? {
            profiles.push(instance_profiles::show_in_list(call, &profile)?);
        }
    }
    Ok(Detail::Role(Box::new(RoleDetail {
        path: Some(role.head.path.clone()),
        role_name: Some(role.head.name.clone()),
        role_id: Some(role.head.id.clone()),
        arn: Some(role.arn(call.account())),
        create_date: Some(role.head.created()),
        assume_role_policy_document: Some(encode(&trust::current(call.tx, role)?)),
        instance_profile_list: Some(profiles),
        role_policy_list: Some(inline::show(role)),
        attached_managed_policies: Some(attachments::show(role)),
        permissions_boundary: boundary_of(role.boundary.as_deref()),
        tags: Some(from_tags(&role.tags)),
        role_last_used: Some(last_used::of_role(call.tx, &role.head.id)?),
    })))
}

fn local_policy(call: &Call<'_>, policy: &tables::ManagedPolicy) -> Result<Detail, CallError> {
    let shown = policies::show_in_list(call, policy, call.account())?;
    Ok(Detail::Policy(detail(
        shown,
        policies::show_versions(policy),
    )))
}

/// The AWS-managed policies that the account uses.
fn aws_policies(
    call: &Call<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Detail)>, CallError> {
    let is_used = |policy: &AwsPolicy| -> Result<bool, CallError> {
        let (arn, account) = (policy.arn(), call.account());
        Ok(uses::any(call.tx, account, &arn, Usage::Permissions)?
            || uses::any(call.tx, account, &arn, Usage::Boundary)?)
    };
    let mut shown = Vec::new();
    for policy in MANAGED_POLICIES
        .iter()
        .filter(|policy| after.is_none_or(|after| policy.name > after))
    {
        if shown.len() == limit {
            break;
        }
        if is_used(policy)? {
            let detail = detail(
                policies::show_aws(call, policy)?,
                vec![policies::show_aws_version(policy, true)],
            );
            shown.push((policy.name.to_owned(), Detail::Policy(detail)));
        }
    }
    Ok(shown)
}

fn detail(policy: Policy, versions: Vec<PolicyVersion>) -> ManagedPolicyDetail {
    ManagedPolicyDetail {
        policy_name: policy.policy_name,
        policy_id: policy.policy_id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: policy.default_version_id,
        attachment_count: policy.attachment_count,
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
        is_attachable: policy.is_attachable,
        description: policy.description,
        create_date: policy.create_date,
        update_date: policy.update_date,
        policy_version_list: Some(versions),
    }
}
