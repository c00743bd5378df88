//! Roles.

use palisade_core::ids::IdKind;
use palisade_core::{Call, CallError, Handlers};
use palisade_model::ApiError;
use palisade_store::Table;

use crate::api::*;
use crate::boundaries::{self, Bounded, boundary_of, first_boundary};
use crate::document::encode;
use crate::holder::{Holder, check_bare};
use crate::named::{self, Named, edit, read, save};
use crate::page::Ask;
use crate::tables::{Head, NameKey, Policies, ROLES, Tags};
use crate::tags::{Tagged, from_some_tags, new_tags};
use crate::{instance_profiles, last_used, limits, tables, trust};

/// Where service-linked roles live. The path alone makes a role one, and exempts it from guardrails: nobody else gets it.
const SERVICE_LINKED: &str = "/aws-service-role/";

/// A role's longest session when none is given, in seconds.
const MAX_SESSION_SECONDS: i64 = 3600;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateRole", create)
        .on("GetRole", get)
        .on("UpdateRole", update)
        .on("UpdateRoleDescription", update_description)
        .on("UpdateAssumeRolePolicy", update_trust)
        .on("DeleteRole", delete)
        .on("ListRoles", list)
}

impl Named for tables::Role {
    const KIND: &'static str = "role";
    const RECORD: &'static str = "AWS::IAM::Role";
    const ID: IdKind = IdKind::Role;

    fn table() -> &'static Table<NameKey, Self> {
        &ROLES
    }
    fn head(&self) -> &Head {
        &self.head
    }
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
    fn missing(name: &str) -> String {
        format!("The role with name {name} cannot be found.")
    }
    fn taken(name: &str) -> String {
        format!("Role with name {name} already exists.")
    }
    fn check_modifiable(&self) -> Result<(), ApiError> {
        if !self.head.path.starts_with(SERVICE_LINKED) {
            return Ok(());
        }
        let name = &self.head.name;
        let message = format!(
            "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
        );
        Err(errors::unmodifiable_entity_exception(message))
    }
}

impl Holder for tables::Role {
    const INLINE_CHARACTERS_MAX: usize = limits::ROLE_INLINE_CHARACTERS;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerRole";

    fn policies(&self) -> &Policies {
        &self.policies
    }
    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }
}

impl Bounded for tables::Role {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl Tagged for tables::Role {
    const CASE_TELLS_KEYS_APART: bool = false;

    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

/// A role as answers show it, all of it.
pub(crate) fn show(call: &Call<'_>, role: &tables::Role) -> Result<Role, CallError> {
    Ok(Role {
        tags: from_some_tags(&role.tags),
        permissions_boundary: boundary_of(role.boundary.as_deref()),
        role_last_used: Some(last_used::of_role(call.tx, &role.head.id)?),
        ..show_in_list(call, role)?
    })
}

/// A role as listings and instance profiles show it.
pub(crate) fn show_in_list(call: &Call<'_>, role: &tables::Role) -> Result<Role, CallError> {
    Ok(Role {
        path: role.head.path.clone(),
        role_name: role.head.name.clone(),
        role_id: role.head.id.clone(),
        arn: role.arn(call.account()),
        create_date: role.head.created(),
        assume_role_policy_document: Some(encode(&trust::current(call.tx, role)?)),
        description: role.description.clone(),
        max_session_duration: Some(seconds(role.max_session_seconds)),
        max_signin_session_duration: role.max_signin_session_seconds.map(seconds),
        permissions_boundary: None,
        tags: None,
        role_last_used: None,
        source_role_template: None,
    })
}

fn seconds(seconds: i64) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn create(call: &mut Call<'_>, input: CreateRoleInput) -> Result<CreateRoleOutput, CallError> {
    if input
        .path
        .as_deref()
        .is_some_and(|path| path.starts_with(SERVICE_LINKED))
    {
        let message = format!("The path {SERVICE_LINKED} is reserved for service-linked roles.");
        return Err(errors::invalid_input_exception(message).into());
    }
    let (trust, trusted) = trust::check(call, input.assume_role_policy_document)?;
    let mut role = tables::Role {
        head: Head::new::<tables::Role>(call, input.role_name, input.path),
        tags: new_tags::<tables::Role>(input.tags)?,
        policies: Policies::default(),
        boundary: None,
        trust,
        trusted,
        description: input.description,
        max_session_seconds: input
            .max_session_duration
            .map_or(MAX_SESSION_SECONDS, i64::from),
        max_signin_session_seconds: input.max_signin_session_duration.map(i64::from),
    };
    named::check_free::<tables::Role>(call, &role.head.name)?;
    first_boundary(call, &mut role, input.permissions_boundary)?;
    save(call, &role)?;
    let tags = from_some_tags(&role.tags);
    let permissions_boundary = boundary_of(role.boundary.as_deref());
    Ok(CreateRoleOutput {
        role: Role {
            tags,
            permissions_boundary,
            ..show_in_list(call, &role)?
        },
    })
}

fn get(call: &mut Call<'_>, input: GetRoleInput) -> Result<GetRoleOutput, CallError> {
    let role = read::<tables::Role>(call, &input.role_name)?;
    Ok(GetRoleOutput {
        role: show(call, &role)?,
    })
}

fn update(call: &mut Call<'_>, input: UpdateRoleInput) -> Result<UpdateRoleOutput, CallError> {
    let mut role = edit::<tables::Role>(call, &input.role_name)?;
    let reset = input.reset_max_signin_session_duration == Some(true);
    if reset && input.max_signin_session_duration.is_some() {
        let message =
            "MaxSigninSessionDuration cannot be given together with ResetMaxSigninSessionDuration.";
        return Err(errors::invalid_input_exception(message).into());
    }
    if reset {
        role.max_signin_session_seconds = None;
    }
    if let Some(seconds) = input.max_signin_session_duration {
        role.max_signin_session_seconds = Some(seconds.into());
    }
    if let Some(seconds) = input.max_session_duration {
        role.max_session_seconds = seconds.into();
    }
    if let Some(description) = input.description {
        role.description = Some(description);
    }
    save(call, &role)?;
    Ok(UpdateRoleOutput {})
}

fn update_description(
    call: &mut Call<'_>,
    input: UpdateRoleDescriptionInput,
) -> Result<UpdateRoleDescriptionOutput, CallError> {
    // The one change that IAM allows on a service-linked role.
    let mut role = tables::Role::clone(&*read::<tables::Role>(call, &input.role_name)?);
    role.description = Some(input.description);
    save(call, &role)?;
    Ok(UpdateRoleDescriptionOutput {
        role: Some(show_in_list(call, &role)?),
    })
}

fn update_trust(
    call: &mut Call<'_>,
    input: UpdateAssumeRolePolicyInput,
) -> Result<UpdateAssumeRolePolicyOutput, CallError> {
    let mut role = edit::<tables::Role>(call, &input.role_name)?;
    (role.trust, role.trusted) = trust::check(call, input.policy_document)?;
    save(call, &role)?;
    Ok(UpdateAssumeRolePolicyOutput {})
}

fn delete(call: &mut Call<'_>, input: DeleteRoleInput) -> Result<DeleteRoleOutput, CallError> {
    let role = edit::<tables::Role>(call, &input.role_name)?;
    if !instance_profiles::of_role(call, &input.role_name, None, 1)?.is_empty() {
        return Err(instance_profiles::still_holds_role().into());
    }
    check_bare(&role)?;
    boundaries::drop(call, &role, role.boundary.as_deref())?;
    named::remove(call, &role)?;
    Ok(DeleteRoleOutput {})
}

fn list(call: &mut Call<'_>, input: ListRolesInput) -> Result<ListRolesOutput, CallError> {
    let ask = Ask::new("ListRoles", input.marker.as_deref(), input.max_items)
        .of(input.path_prefix.as_deref());
    let page = named::list(call, ask, input.path_prefix.as_deref(), show_in_list)?;
    Ok(ListRolesOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        roles: page.items,
    })
}
