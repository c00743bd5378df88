//! `ListEntitiesForPolicy`: who uses a managed policy, and how.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::holder::Holder;
use crate::page::{Ask, page};
use crate::policies::known;
use crate::tables::{self, USES, Usage};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers.on("ListEntitiesForPolicy", list)
}

#[derive(Clone)]
enum Entity {
    Group(PolicyGroup),
    User(PolicyUser),
    Role(PolicyRole),
}

/// What selects entities.
struct Selection<'a> {
    arn: &'a str,
    prefix: &'a str,
    kind: Option<&'a str>,
    usage: Option<&'a str>,
}

fn list(
    call: &mut Call<'_>,
    input: ListEntitiesForPolicyInput,
) -> Result<ListEntitiesForPolicyOutput, CallError> {
    known(call, &input.policy_arn)?;
    let selection = Selection {
        arn: &input.policy_arn,
        prefix: input.path_prefix.as_deref().unwrap_or("/"),
        kind: input.entity_filter.as_deref(),
        usage: input.policy_usage_filter.as_deref(),
    };
    let ask = Ask::new(
        "ListEntitiesForPolicy",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(Some(selection.arn))
    .of(Some(selection.prefix))
    .of(selection.kind)
    .of(selection.usage);
    let group = |row: &tables::Group| {
        Entity::Group(PolicyGroup {
            group_name: Some(row.head.name.clone()),
            group_id: Some(row.head.id.clone()),
        })
    };
    let user = |row: &tables::User| {
        Entity::User(PolicyUser {
            user_name: Some(row.head.name.clone()),
            user_id: Some(row.head.id.clone()),
        })
    };
    let role = |row: &tables::Role| {
        Entity::Role(PolicyRole {
            role_name: Some(row.head.name.clone()),
            role_id: Some(row.head.id.clone()),
        })
    };
    let chosen = &selection;
    let page = page(
        call,
        ask,
        &mut [
            &mut |call, after, limit| {
                entities(
                    call,
                    chosen,
                    "Group",
                    Usage::Permissions,
                    after,
                    limit,
                    group,
                )
            },
            &mut |call, after, limit| {
                entities(call, chosen, "User", Usage::Permissions, after, limit, user)
            },
            &mut |call, after, limit| {
                entities(call, chosen, "User", Usage::Boundary, after, limit, user)
            },
            &mut |call, after, limit| {
                entities(call, chosen, "Role", Usage::Permissions, after, limit, role)
            },
            &mut |call, after, limit| {
                entities(call, chosen, "Role", Usage::Boundary, after, limit, role)
            },
        ],
    )?;
    let (mut groups, mut users, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    let is_truncated = page.is_truncated();
    for entity in page.items {
        match entity {
            Entity::Group(group) => groups.push(group),
            Entity::User(user) => users.push(user),
            Entity::Role(role) => roles.push(role),
        }
    }
    Ok(ListEntitiesForPolicyOutput {
        policy_groups: Some(groups),
        policy_users: Some(users),
        policy_roles: Some(roles),
        is_truncated: Some(is_truncated),
        marker: page.marker,
    })
}

/// At most `limit` things of one kind that use the policy one way, behind `after`.
fn entities<T: Holder>(
    call: &Call<'_>,
    selection: &Selection<'_>,
    kind: &str,
    usage: Usage,
    after: Option<&str>,
    limit: usize,
    show: impl Fn(&T) -> Entity,
) -> Result<Vec<(String, Entity)>, CallError> {
    let asked_usage = match selection.usage {
        Some("PermissionsBoundary") => Some(Usage::Boundary),
        Some(_) => Some(Usage::Permissions),
        None => None,
    };
    if selection.kind.is_some_and(|asked| asked != kind)
        || asked_usage.is_some_and(|asked| asked != usage)
    {
        return Ok(Vec::new());
    }
    let account = call.account().to_string();
    let key = |name: &str| {
        (
            account.clone(),
            selection.arn.to_owned(),
            usage.as_str().to_owned(),
            T::KIND.to_owned(),
            name.to_owned(),
        )
    };
    let mut after = after.map(key);
    let mut shown = Vec::new();
    loop {
        let prefix = (account.as_str(), selection.arn, usage.as_str(), T::KIND);
        let rows = call.tx.range(&USES, &prefix, after.as_ref(), limit)?;
        let is_last = rows.len() < limit;
        after = rows.last().map(|(key, ())| key.clone());
        for ((.., name), ()) in rows {
            let Some(row) = call
                .tx
                .get_cached(T::table(), &(account.as_str(), name.as_str()))?
            else {
                continue;
            };
            // Whoever has the policy both ways is shown once, unless asked for one way.
            let shown_before = usage == Usage::Boundary
                && asked_usage.is_none()
                && row
                    .policies()
                    .attached
                    .iter()
                    .any(|arn| arn == selection.arn);
            if row.head().path.starts_with(selection.prefix) && !shown_before {
                shown.push((name, show(&row)));
            }
            if shown.len() == limit {
                return Ok(shown);
            }
        }
        if is_last {
            return Ok(shown);
        }
    }
}
