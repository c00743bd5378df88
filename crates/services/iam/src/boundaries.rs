//! Permissions boundaries of users and roles.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::holder::Holder;
use crate::managed::{self, Managed};
use crate::named::{edit, no_such_entity, save};
use crate::tables::{self, Usage};
use crate::uses;

/// A thing that can have a permissions boundary.
pub(crate) trait Bounded: Holder {
    fn boundary_mut(&mut self) -> &mut Option<String>;
}

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on(
            "PutUserPermissionsBoundary",
            |call, i: PutUserPermissionsBoundaryInput| {
                put::<tables::User>(call, &i.user_name, i.permissions_boundary)?;
                Ok(PutUserPermissionsBoundaryOutput {})
            },
        )
        .on(
            "DeleteUserPermissionsBoundary",
            |call, i: DeleteUserPermissionsBoundaryInput| {
                delete::<tables::User>(call, &i.user_name)?;
                Ok(DeleteUserPermissionsBoundaryOutput {})
            },
        )
        .on(
            "PutRolePermissionsBoundary",
            |call, i: PutRolePermissionsBoundaryInput| {
                put::<tables::Role>(call, &i.role_name, i.permissions_boundary)?;
                Ok(PutRolePermissionsBoundaryOutput {})
            },
        )
        .on(
            "DeleteRolePermissionsBoundary",
            |call, i: DeleteRolePermissionsBoundaryInput| {
                delete::<tables::Role>(call, &i.role_name)?;
                Ok(DeleteRolePermissionsBoundaryOutput {})
            },
        )
}

/// A boundary as answers show it.
pub(crate) fn boundary_of(arn: Option<&str>) -> Option<AttachedPermissionsBoundary> {
    arn.map(|arn| AttachedPermissionsBoundary {
        // The model lists another word; AWS answers this one.
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.to_owned()),
    })
}

/// Sets the boundary that a thing is made with.
pub(crate) fn first_boundary<T: Bounded>(
    call: &mut Call<'_>,
    row: &mut T,
    arn: Option<String>,
) -> Result<(), CallError> {
    match arn {
        Some(arn) => set(call, row, arn),
        None => Ok(()),
    }
}

/// Forgets the boundary of a thing about to be removed.
pub(crate) fn drop<T: Bounded>(
    call: &mut Call<'_>,
    row: &T,
    boundary: Option<&str>,
) -> Result<(), CallError> {
    match boundary {
        Some(arn) => uses::remove::<T>(call, arn, Usage::Boundary, &row.head().name),
        None => Ok(()),
    }
}

fn put<T: Bounded>(call: &mut Call<'_>, name: &str, arn: String) -> Result<(), CallError> {
    let mut row = edit::<T>(call, name)?;
    set(call, &mut row, arn)?;
    save(call, &row)
}

fn delete<T: Bounded>(call: &mut Call<'_>, name: &str) -> Result<(), CallError> {
    let mut row = edit::<T>(call, name)?;
    let Some(arn) = row.boundary_mut().take() else {
        let kind = T::KIND;
        return Err(no_such_entity(format!(
            "The {kind} with name {name} does not have a permissions boundary."
        )));
    };
    uses::remove::<T>(call, &arn, Usage::Boundary, name)?;
    save(call, &row)
}

fn set<T: Bounded>(call: &mut Call<'_>, row: &mut T, arn: String) -> Result<(), CallError> {
    let is_there = match managed::attachable(call, &arn)? {
        Some(Managed::Aws(policy)) => policy.is_attachable(),
        Some(Managed::Customer(_)) => true,
        None => false,
    };
    if !is_there {
        return Err(no_such_entity(format!(
            "Scope ARN: {arn} does not exist or is not attachable."
        )));
    }
    if let Some(old) = row.boundary_mut().replace(arn.clone()) {
        uses::remove::<T>(call, &old, Usage::Boundary, &row.head().name)?;
    }
    uses::insert(call, &arn, Usage::Boundary, row)
}
