//! Groups.

use std::sync::Arc;

use palisade_core::ids::IdKind;
use palisade_core::{AccountId, Call, CallError, Handlers};
use palisade_store::{StoreError, Table, Tx};

use crate::api::*;
use crate::holder::{Holder, check_bare};
use crate::named::{self, Named, edit};
use crate::page::Ask;
use crate::tables::{GROUP_NAMES, GROUPS, Head, NameKey, Policies, name_key};
use crate::{limits, members, tables, uses};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateGroup", create)
        .on("UpdateGroup", update)
        .on("DeleteGroup", delete)
        .on("ListGroups", list)
}

impl Named for tables::Group {
    const KIND: &'static str = "group";
    const RECORD: &'static str = "AWS::IAM::Group";
    const ID: IdKind = IdKind::Group;

    fn table() -> &'static Table<NameKey, Self> {
        &GROUPS
    }
    fn head(&self) -> &Head {
        &self.head
    }
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
    fn missing(name: &str) -> String {
        format!("The group with name {name} cannot be found.")
    }
    fn taken(name: &str) -> String {
        format!("Group with name {name} already exists.")
    }
}

impl Holder for tables::Group {
    const INLINE_CHARACTERS_MAX: usize = limits::GROUP_INLINE_CHARACTERS;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerGroup";

    fn policies(&self) -> &Policies {
        &self.policies
    }
    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }
}

/// A group as answers show it.
pub(crate) fn show(group: &tables::Group, account: &AccountId) -> Group {
    Group {
        path: group.head.path.clone(),
        group_name: group.head.name.clone(),
        group_id: group.head.id.clone(),
        arn: group.arn(account),
        create_date: group.head.created(),
    }
}

/// A group by its unique id.
pub(crate) fn by_id(
    tx: &Tx,
    account: &AccountId,
    id: &str,
) -> Result<Option<Arc<tables::Group>>, StoreError> {
    match tx.get_cached(&GROUP_NAMES, &(account.as_str(), id))? {
        Some(name) => tx.get_cached(&GROUPS, &(account.as_str(), name.as_str())),
        None => Ok(None),
    }
}

fn create(call: &mut Call<'_>, input: CreateGroupInput) -> Result<CreateGroupOutput, CallError> {
    let head = Head::new::<tables::Group>(call, input.group_name, input.path);
    let group = tables::Group {
        head,
        policies: Policies::default(),
    };
    named::create(call, &group)?;
    keep_name(call, &group)?;
    Ok(CreateGroupOutput {
        group: show(&group, call.account()),
    })
}

fn update(call: &mut Call<'_>, input: UpdateGroupInput) -> Result<UpdateGroupOutput, CallError> {
    let mut group = edit::<tables::Group>(call, &input.group_name)?;
    named::rename(call, &mut group, input.new_group_name, input.new_path)?;
    keep_name(call, &group)?;
    uses::rename(call, &group, &input.group_name, None)?;
    Ok(UpdateGroupOutput {})
}

/// Keeps the name under which a group's id finds it.
fn keep_name(call: &mut Call<'_>, group: &tables::Group) -> Result<(), CallError> {
    let (account, name) = name_key(call.account(), &group.head.name);
    call.tx.put(
        &GROUP_NAMES,
        &(account.as_str(), group.head.id.as_str()),
        &name,
    )?;
    Ok(())
}

fn delete(call: &mut Call<'_>, input: DeleteGroupInput) -> Result<DeleteGroupOutput, CallError> {
    let group = edit::<tables::Group>(call, &input.group_name)?;
    if !members::of_group(call, &group.head.id, None, 1)?.is_empty() {
        return Err(errors::delete_conflict_exception(
            "Cannot delete entity, must remove users from group first.",
        )
        .into());
    }
    check_bare(&group)?;
    named::remove(call, &group)?;
    let account = call.account().clone();
    call.tx
        .delete(&GROUP_NAMES, &(account.as_str(), group.head.id.as_str()))?;
    Ok(DeleteGroupOutput {})
}

fn list(call: &mut Call<'_>, input: ListGroupsInput) -> Result<ListGroupsOutput, CallError> {
    let ask = Ask::new("ListGroups", input.marker.as_deref(), input.max_items)
        .of(input.path_prefix.as_deref());
    let page = named::list(call, ask, input.path_prefix.as_deref(), |call, group| {
        Ok(show(group, call.account()))
    })?;
    Ok(ListGroupsOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        groups: page.items,
    })
}
