//! Users.

use palisade_core::ids::IdKind;
use palisade_core::{AccountId, Call, CallError, Handlers, Identity};
use palisade_model::ApiError;
use palisade_store::Table;

use crate::api::*;
use crate::boundaries::{Bounded, boundary_of, first_boundary};
use crate::holder::{Holder, check_bare};
use crate::named::{self, Named, edit, moment, read};
use crate::page::Ask;
use crate::tables::{ACCESS_KEYS, Head, NameKey, Owner, Policies, Tags, USERS};
use crate::tags::{Tagged, from_some_tags, new_tags};
use crate::{accounts, limits, members, tables};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateUser", create)
        .on("GetUser", get)
        .on("UpdateUser", update)
        .on("DeleteUser", delete)
        .on("ListUsers", list)
}

impl Named for tables::User {
    const KIND: &'static str = "user";
    const RECORD: &'static str = "AWS::IAM::User";
    const ID: IdKind = IdKind::User;

    fn table() -> &'static Table<NameKey, Self> {
        &USERS
    }
    fn head(&self) -> &Head {
        &self.head
    }
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
    fn missing(name: &str) -> String {
        format!("The user with name {name} cannot be found.")
    }
    fn taken(name: &str) -> String {
        format!("User with name {name} already exists.")
    }
}

impl Holder for tables::User {
    const INLINE_CHARACTERS_MAX: usize = limits::USER_INLINE_CHARACTERS;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerUser";

    fn policies(&self) -> &Policies {
        &self.policies
    }
    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }
}

impl Bounded for tables::User {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl Tagged for tables::User {
    const CASE_TELLS_KEYS_APART: bool = false;

    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

/// The user a request means: the one it names, or else the caller.
pub(crate) fn named_or_caller(call: &Call<'_>, name: Option<&str>) -> Result<String, CallError> {
    match (name, &call.context.caller.identity) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Identity::User(user)) => Ok(user.name.clone()),
        (None, _) => Err(must_name_user().into()),
    }
}

/// The error of callers that are no user and name none.
pub(crate) fn must_name_user() -> ApiError {
    ApiError::sender(
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
    )
    .with_status(400)
}

/// A user as answers show it, all of it.
pub(crate) fn show(user: &tables::User, account: &AccountId) -> User {
    User {
        tags: from_some_tags(&user.tags),
        permissions_boundary: boundary_of(user.boundary.as_deref()),
        ..show_in_list(user, account)
    }
}

/// A user as listings show it.
pub(crate) fn show_in_list(user: &tables::User, account: &AccountId) -> User {
    User {
        path: user.head.path.clone(),
        user_name: user.head.name.clone(),
        user_id: user.head.id.clone(),
        arn: user.arn(account),
        create_date: user.head.created(),
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}

fn create(call: &mut Call<'_>, input: CreateUserInput) -> Result<CreateUserOutput, CallError> {
    let mut user = tables::User {
        head: Head::new::<tables::User>(call, input.user_name, input.path),
        tags: new_tags::<tables::User>(input.tags)?,
        policies: Policies::default(),
        boundary: None,
        groups: Vec::new(),
        keys: Vec::new(),
    };
    named::check_free::<tables::User>(call, &user.head.name)?;
    first_boundary(call, &mut user, input.permissions_boundary)?;
    named::save(call, &user)?;
    Ok(CreateUserOutput {
        user: Some(show(&user, call.account())),
    })
}

fn get(call: &mut Call<'_>, input: GetUserInput) -> Result<GetUserOutput, CallError> {
    let user = match (&input.user_name, &call.context.caller.identity) {
        (None, Identity::Root) => root(call)?,
        (name, _) => {
            let name = named_or_caller(call, name.as_deref())?;
            show(&*read::<tables::User>(call, &name)?, call.account())
        }
    };
    Ok(GetUserOutput { user })
}

/// The root, who asked for itself: an account, not a user, and shown as one.
fn root(call: &Call<'_>) -> Result<User, CallError> {
    let account = accounts::read(call)?;
    Ok(User {
        path: "/".to_owned(),
        user_name: account
            .alias
            .clone()
            .unwrap_or_else(|| call.account().to_string()),
        user_id: call.account().to_string(),
        arn: call.context.caller.arn(),
        create_date: moment(account.created_ms),
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    })
}

fn update(call: &mut Call<'_>, input: UpdateUserInput) -> Result<UpdateUserOutput, CallError> {
    let mut user = edit::<tables::User>(call, &input.user_name)?;
    named::rename(call, &mut user, input.new_user_name, input.new_path)?;
    if user.head.name != input.user_name {
        move_references(call, &user, &input.user_name)?;
    }
    Ok(UpdateUserOutput {})
}

/// Moves what refers to a user by name: keys, memberships, uses of policies.
fn move_references(call: &mut Call<'_>, user: &tables::User, old: &str) -> Result<(), CallError> {
    for id in &user.keys {
        let key = (id.as_str(),);
        if let Some(mut row) = call.tx.get(&ACCESS_KEYS, &key)? {
            row.owner = Owner::User {
                name: user.head.name.clone(),
                id: user.head.id.clone(),
            };
            call.tx.put(&ACCESS_KEYS, &key, &row)?;
        }
    }
    for group in &user.groups {
        members::remove(call, group, old)?;
        members::insert(call, group, &user.head.name)?;
    }
    crate::uses::rename(call, user, old, user.boundary.as_deref())
}

fn delete(call: &mut Call<'_>, input: DeleteUserInput) -> Result<DeleteUserOutput, CallError> {
    let user = edit::<tables::User>(call, &input.user_name)?;
    if !user.keys.is_empty() {
        return Err(conflict("access keys"));
    }
    check_bare(&user)?;
    if !user.groups.is_empty() {
        return Err(errors::delete_conflict_exception(
            "Cannot delete entity, must remove users from group first.",
        )
        .into());
    }
    crate::boundaries::drop(call, &user, user.boundary.as_deref())?;
    named::remove(call, &user)?;
    Ok(DeleteUserOutput {})
}

fn conflict(what: &str) -> CallError {
    errors::delete_conflict_exception(format!("Cannot delete entity, must delete {what} first."))
        .into()
}

fn list(call: &mut Call<'_>, input: ListUsersInput) -> Result<ListUsersOutput, CallError> {
    let ask = Ask::new("ListUsers", input.marker.as_deref(), input.max_items)
        .of(input.path_prefix.as_deref());
    let page = named::list(call, ask, input.path_prefix.as_deref(), |call, user| {
        Ok(show_in_list(user, call.account()))
    })?;
    Ok(ListUsersOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        users: page.items,
    })
}
