//! Who is in which group.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::document::quota_exceeded;
use crate::limits;
use crate::named::{self, no_such_entity, read, save};
use crate::page::{Ask, page, page_of};
use crate::tables::{self, MEMBERS, name_key};
use crate::{groups, users};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("AddUserToGroup", add)
        .on("RemoveUserFromGroup", take_out)
        .on("GetGroup", get_group)
        .on("ListGroupsForUser", list_groups)
}

/// Notes that a user is in a group; the group by its id, the user by any form of its name.
pub(crate) fn insert(call: &mut Call<'_>, group: &str, user: &str) -> Result<(), CallError> {
    let (account, user) = name_key(call.account(), user);
    call.tx
        .put(&MEMBERS, &(account.as_str(), group, user.as_str()), &())?;
    Ok(())
}

/// Notes that a user is in a group no more.
pub(crate) fn remove(call: &mut Call<'_>, group: &str, user: &str) -> Result<(), CallError> {
    let (account, user) = name_key(call.account(), user);
    call.tx
        .delete(&MEMBERS, &(account.as_str(), group, user.as_str()))?;
    Ok(())
}

/// At most `limit` names of a group's users behind `after`, in lower case.
pub(crate) fn of_group(
    call: &Call<'_>,
    group: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, CallError> {
    let account = call.account().to_string();
    let after = after.map(|user| (account.clone(), group.to_owned(), user.to_owned()));
    let rows = call
        .tx
        .range(&MEMBERS, &(account.as_str(), group), after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, _, user), ())| user).collect())
}

fn add(call: &mut Call<'_>, input: AddUserToGroupInput) -> Result<AddUserToGroupOutput, CallError> {
    let group = read::<tables::Group>(call, &input.group_name)?;
    let mut user = named::edit::<tables::User>(call, &input.user_name)?;
    if !user.groups.contains(&group.head.id) {
        if user.groups.len() >= limits::GROUPS_PER_USER {
            return Err(quota_exceeded("GroupsPerUser", limits::GROUPS_PER_USER).into());
        }
        insert(call, &group.head.id, &user.head.name)?;
        user.groups.push(group.head.id.clone());
        save(call, &user)?;
    }
    named::touched(call, &*group);
    Ok(AddUserToGroupOutput {})
}

fn take_out(
    call: &mut Call<'_>,
    input: RemoveUserFromGroupInput,
) -> Result<RemoveUserFromGroupOutput, CallError> {
    let group = read::<tables::Group>(call, &input.group_name)?;
    let mut user = named::edit::<tables::User>(call, &input.user_name)?;
    let Some(at) = user.groups.iter().position(|id| *id == group.head.id) else {
        let (user, group) = (&input.user_name, &input.group_name);
        return Err(no_such_entity(format!(
            "User {user} is not a member of group {group}."
        )));
    };
    user.groups.remove(at);
    remove(call, &group.head.id, &input.user_name)?;
    save(call, &user)?;
    named::touched(call, &*group);
    Ok(RemoveUserFromGroupOutput {})
}

fn get_group(call: &mut Call<'_>, input: GetGroupInput) -> Result<GetGroupOutput, CallError> {
    let group = read::<tables::Group>(call, &input.group_name)?;
    let account = call.account().clone();
    let ask =
        Ask::new("GetGroup", input.marker.as_deref(), input.max_items).of(Some(&input.group_name));
    let page = page(
        call,
        ask,
        &mut [&mut |call, after, limit| {
            let mut shown = Vec::new();
            for key in of_group(call, &group.head.id, after, limit)? {
                let row = call
                    .tx
                    .get_cached(&tables::USERS, &(account.as_str(), key.as_str()))?;
                shown.extend(row.map(|user| (key, users::show_in_list(&user, &account))));
            }
            Ok(shown)
        }],
    )?;
    Ok(GetGroupOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        users: page.items,
        group: groups::show(&group, call.account()),
    })
}

fn list_groups(
    call: &mut Call<'_>,
    input: ListGroupsForUserInput,
) -> Result<ListGroupsForUserOutput, CallError> {
    let user = read::<tables::User>(call, &input.user_name)?;
    let account = call.account().clone();
    let mut shown = Vec::new();
    for id in &user.groups {
        let group = groups::by_id(call.tx, &account, id)?;
        shown.extend(group.map(|group| (group.head.name.clone(), groups::show(&group, &account))));
    }
    let ask = Ask::new(
        "ListGroupsForUser",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(Some(&input.user_name));
    let page = page_of(call, ask, shown)?;
    Ok(ListGroupsForUserOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        groups: page.items,
    })
}
