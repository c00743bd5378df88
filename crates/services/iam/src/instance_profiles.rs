//! Instance profiles: the holders that a compute service takes a role from.

use palisade_core::ids::IdKind;
use palisade_core::{Call, CallError, Handlers};
use palisade_model::ApiError;
use palisade_store::Table;

use crate::api::*;
use crate::document::quota_exceeded;
use crate::named::{self, Named, edit, find, no_such_entity, read, save};
use crate::page::{Ask, page};
use crate::tables::{Head, INSTANCE_PROFILES, NameKey, PROFILES_OF_ROLE, Tags, name_key};
use crate::tags::{Tagged, from_tags, new_tags};
use crate::{roles, tables};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateInstanceProfile", create)
        .on("GetInstanceProfile", get)
        .on("DeleteInstanceProfile", delete)
        .on("ListInstanceProfiles", list)
        .on("ListInstanceProfilesForRole", list_for_role)
        .on("AddRoleToInstanceProfile", add_role)
        .on("RemoveRoleFromInstanceProfile", remove_role)
}

impl Named for tables::InstanceProfile {
    const KIND: &'static str = "instance-profile";
    const RECORD: &'static str = "AWS::IAM::InstanceProfile";
    const ID: IdKind = IdKind::InstanceProfile;

    fn table() -> &'static Table<NameKey, Self> {
        &INSTANCE_PROFILES
    }
    fn head(&self) -> &Head {
        &self.head
    }
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
    fn missing(name: &str) -> String {
        format!("Instance Profile {name} cannot be found.")
    }
    fn taken(name: &str) -> String {
        format!("Instance Profile {name} already exists.")
    }
}

impl Tagged for tables::InstanceProfile {
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

/// At most `limit` names, in lower case, of the instance profiles that hold a role.
pub(crate) fn of_role(
    call: &Call<'_>,
    role: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, CallError> {
    let (account, role) = name_key(call.account(), role);
    let after = after.map(|profile| (account.clone(), role.clone(), profile.to_owned()));
    let rows = call.tx.range(
        &PROFILES_OF_ROLE,
        &(account.as_str(), role.as_str()),
        after.as_ref(),
        limit,
    )?;
    Ok(rows
        .into_iter()
        .map(|((_, _, profile), ())| profile)
        .collect())
}

/// `DeleteConflict` of a role in an instance profile, and of an instance profile with a role.
pub(crate) fn still_holds_role() -> ApiError {
    errors::delete_conflict_exception(
        "Cannot delete entity, must remove roles from instance profile first.",
    )
}

/// An instance profile as listings show it, with its role.
pub(crate) fn show_in_list(
    call: &Call<'_>,
    profile: &tables::InstanceProfile,
) -> Result<InstanceProfile, CallError> {
    let role = match &profile.role {
        Some(name) => find::<tables::Role>(call.tx, call.account(), name)?,
        None => None,
    };
    Ok(InstanceProfile {
        path: profile.head.path.clone(),
        instance_profile_name: profile.head.name.clone(),
        instance_profile_id: profile.head.id.clone(),
        arn: profile.arn(call.account()),
        create_date: profile.head.created(),
        roles: role
            .iter()
            .map(|role| roles::show_in_list(call, role))
            .collect::<Result<_, _>>()?,
        tags: None,
    })
}

fn show(call: &Call<'_>, profile: &tables::InstanceProfile) -> Result<InstanceProfile, CallError> {
    Ok(InstanceProfile {
        tags: Some(from_tags(&profile.tags)),
        ..show_in_list(call, profile)?
    })
}

fn create(
    call: &mut Call<'_>,
    input: CreateInstanceProfileInput,
) -> Result<CreateInstanceProfileOutput, CallError> {
    let profile = tables::InstanceProfile {
        head: Head::new::<tables::InstanceProfile>(call, input.instance_profile_name, input.path),
        tags: new_tags::<tables::InstanceProfile>(input.tags)?,
        role: None,
    };
    named::create(call, &profile)?;
    Ok(CreateInstanceProfileOutput {
        instance_profile: show(call, &profile)?,
    })
}

fn get(
    call: &mut Call<'_>,
    input: GetInstanceProfileInput,
) -> Result<GetInstanceProfileOutput, CallError> {
    let profile = read::<tables::InstanceProfile>(call, &input.instance_profile_name)?;
    Ok(GetInstanceProfileOutput {
        instance_profile: show(call, &profile)?,
    })
}

fn delete(
    call: &mut Call<'_>,
    input: DeleteInstanceProfileInput,
) -> Result<DeleteInstanceProfileOutput, CallError> {
    let profile = edit::<tables::InstanceProfile>(call, &input.instance_profile_name)?;
    if profile.role.is_some() {
        return Err(still_holds_role().into());
    }
    named::remove(call, &profile)?;
    Ok(DeleteInstanceProfileOutput {})
}

fn list(
    call: &mut Call<'_>,
    input: ListInstanceProfilesInput,
) -> Result<ListInstanceProfilesOutput, CallError> {
    let ask = Ask::new(
        "ListInstanceProfiles",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(input.path_prefix.as_deref());
    let page = named::list(call, ask, input.path_prefix.as_deref(), show_in_list)?;
    Ok(ListInstanceProfilesOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        instance_profiles: page.items,
    })
}

fn list_for_role(
    call: &mut Call<'_>,
    input: ListInstanceProfilesForRoleInput,
) -> Result<ListInstanceProfilesForRoleOutput, CallError> {
    read::<tables::Role>(call, &input.role_name)?;
    let ask = Ask::new(
        "ListInstanceProfilesForRole",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(Some(&input.role_name));
    let page = page(
        call,
        ask,
        &mut [&mut |call, after, limit| {
            let mut shown = Vec::new();
            for key in of_role(call, &input.role_name, after, limit)? {
                let row = call
                    .tx
                    .get_cached(&INSTANCE_PROFILES, &(call.account().as_str(), key.as_str()))?;
                if let Some(profile) = row {
                    shown.push((key, show_in_list(call, &profile)?));
                }
            }
            Ok(shown)
        }],
    )?;
    Ok(ListInstanceProfilesForRoleOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        instance_profiles: page.items,
    })
}

fn add_role(
    call: &mut Call<'_>,
    input: AddRoleToInstanceProfileInput,
) -> Result<AddRoleToInstanceProfileOutput, CallError> {
    let mut profile = edit::<tables::InstanceProfile>(call, &input.instance_profile_name)?;
    let role = edit::<tables::Role>(call, &input.role_name)?;
    if profile.role.is_some() {
        return Err(quota_exceeded("InstanceSessionsPerInstanceProfile", 1).into());
    }
    let (account, role_key) = name_key(call.account(), &role.head.name);
    let profile_key = profile.head.name.to_ascii_lowercase();
    call.tx
        .put(&PROFILES_OF_ROLE, &(account, role_key, profile_key), &())?;
    profile.role = Some(role.head.name.clone());
    save(call, &profile)?;
    named::touched(call, &role);
    Ok(AddRoleToInstanceProfileOutput {})
}

fn remove_role(
    call: &mut Call<'_>,
    input: RemoveRoleFromInstanceProfileInput,
) -> Result<RemoveRoleFromInstanceProfileOutput, CallError> {
    let mut profile = edit::<tables::InstanceProfile>(call, &input.instance_profile_name)?;
    let role = edit::<tables::Role>(call, &input.role_name)?;
    if profile.role.as_ref() != Some(&role.head.name) {
        let (role, profile) = (&input.role_name, &input.instance_profile_name);
        return Err(no_such_entity(format!(
            "Role {role} in Instance Profile {profile} cannot be found."
        )));
    }
    let (account, role_key) = name_key(call.account(), &role.head.name);
    let profile_key = profile.head.name.to_ascii_lowercase();
    call.tx
        .delete(&PROFILES_OF_ROLE, &(account, role_key, profile_key))?;
    profile.role = None;
    save(call, &profile)?;
    named::touched(call, &role);
    Ok(RemoveRoleFromInstanceProfileOutput {})
}
