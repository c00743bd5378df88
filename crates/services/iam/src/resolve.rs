//! The resources that questions are asked about, as they are now: their paths, tags and boundaries. Whatever does not exist is
//! named as well as it can be, so that only who may know learns that it is missing.

use palisade_core::ids::account_of_access_key;
use palisade_core::{AccountId, Arn, Call, CallError, Identity, Resource};
use palisade_model::Value;

use crate::named::{Named, find};
use crate::policy_arn::{self, PolicyOwner};
use crate::tables::{
    self, ACCESS_KEYS, Group, InstanceProfile, ManagedPolicy, Owner, Role, Tags, User,
};

/// The service that instance profiles pass their roles to.
const EC2: &str = "ec2.amazonaws.com";

/// The resources behind `@resolver` in a row.
pub(crate) fn resolve(
    resolver: &str,
    call: &Call<'_>,
    input: &Value,
) -> Result<Vec<Resource>, CallError> {
    let member = |name: &str| input.member(name).and_then(Value::as_str);
    let role = || member("RoleName").unwrap_or_default();
    let profile = || member("InstanceProfileName").unwrap_or_default();
    let one = match resolver {
        "users" => would_be(call, User::KIND, member("PathPrefix").unwrap_or("/"), ""),
        "groups" => would_be(call, Group::KIND, member("PathPrefix").unwrap_or("/"), ""),
        "roles" => would_be(call, Role::KIND, member("PathPrefix").unwrap_or("/"), ""),
        "instance-profiles" => would_be(
            call,
            InstanceProfile::KIND,
            member("PathPrefix").unwrap_or("/"),
            "",
        ),
        "policies" => {
            let path = member("PathPrefix").unwrap_or("/");
            shown(
                would_be(call, ManagedPolicy::KIND, path, ""),
                format!("policy path {path}"),
            )
        }
        "new-policy" => {
            let name = member("PolicyName").unwrap_or_default();
            let policy = would_be(
                call,
                ManagedPolicy::KIND,
                member("Path").unwrap_or("/"),
                name,
            );
            shown(policy, format!("policy {name}"))
        }
        "tagged-user" => by_arn(user(call, member("UserName"))?),
        "tagged-role" => by_arn(named::<Role>(call, role())?),
        "tagged-policy" => by_arn(policy(call, member("PolicyArn").unwrap_or_default())?),
        "tagged-instance-profile" => by_arn(named::<InstanceProfile>(call, profile())?),
        "user" => user(call, member("UserName"))?,
        "bounded-user" => with_boundary(
            user(call, member("UserName"))?,
            boundary_of_user(call, member("UserName"))?,
        ),
        "group" => named::<Group>(call, member("GroupName").unwrap_or_default())?,
        "role" => named::<Role>(call, role())?,
        "bounded-role" => with_boundary(
            named::<Role>(call, role())?,
            boundary_of_role(call, role())?,
        ),
        "role-passed-to-ec2" => passed_to_ec2(call, by_arn(named::<Role>(call, role())?)),
        "policy" => policy(call, member("PolicyArn").unwrap_or_default())?,
        "instance-profile" => named::<InstanceProfile>(call, profile())?,
        "access-key-user" => access_key_user(call, member("AccessKeyId").unwrap_or_default())?,
        "renamed-user" => {
            return renamed(
                call,
                user(call, member("UserName"))?,
                User::KIND,
                member("NewPath"),
                member("NewUserName"),
            );
        }
        "renamed-group" => {
            let group = named::<Group>(call, member("GroupName").unwrap_or_default())?;
            return renamed(
                call,
                group,
                Group::KIND,
                member("NewPath"),
                member("NewGroupName"),
            );
        }
        // A row with any other name does not pass the test of rows; asked at run time it allows nothing.
        other => Resource::named(format!("unknown-resolver:{other}")),
    };
    Ok(vec![one])
}

/// A resource by its ARN, or `None` if it does not exist. A role comes with its trust policy where `action` is
/// one of assuming it.
pub(crate) fn resource(
    call: &mut Call<'_>,
    arn: &Arn,
    action: &str,
) -> Result<Option<Resource>, CallError> {
    let (Some(account), Some((kind, _, name))) = (arn.account(), arn.iam_parts()) else {
        return Ok(None);
    };
    let found = match kind {
        "user" => existing::<User>(call, account, name)?,
        "group" => existing::<Group>(call, account, name)?,
        "role" if action.starts_with("sts:") => assumable(call, account, name)?,
        "role" => existing::<Role>(call, account, name)?,
        "policy" => existing::<ManagedPolicy>(call, account, name)?,
        "instance-profile" => existing::<InstanceProfile>(call, account, name)?,
        _ => None,
    };
    Ok(found.filter(|resource| resource.arn == arn.to_string()))
}

/// A thing as a resource: its tags under the names that conditions know them by.
pub(crate) trait AsResource: Named {
    fn resource_tags(&self) -> Option<&Tags>;
    /// Whether its tags answer to `iam:ResourceTag/…` too.
    const IAM_RESOURCE_TAG: bool = false;
    /// Its kind, as refusals write it.
    const SHOWN: &'static str = Self::KIND;
}

impl AsResource for User {
    fn resource_tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    const IAM_RESOURCE_TAG: bool = true;
}

impl AsResource for Role {
    fn resource_tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    const IAM_RESOURCE_TAG: bool = true;
}

impl AsResource for Group {
    fn resource_tags(&self) -> Option<&Tags> {
        None
    }
}

impl AsResource for ManagedPolicy {
    fn resource_tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

impl AsResource for InstanceProfile {
    fn resource_tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    const SHOWN: &'static str = "instance profile";
}

fn existing<T: AsResource>(
    call: &Call<'_>,
    account: &AccountId,
    name: &str,
) -> Result<Option<Resource>, CallError> {
    let Some(row) = find::<T>(call.tx, account, name)? else {
        return Ok(None);
    };
    let tags = row.resource_tags().cloned().unwrap_or_default();
    let iam = tags.iter().filter(|_| T::IAM_RESOURCE_TAG);
    Ok(Some(Resource {
        arn: row.arn(account),
        account: Some(account.clone()),
        context: iam
            .map(|(key, value)| (format!("iam:ResourceTag/{key}"), vec![value.clone()]))
            .collect(),
        tags,
        ..Resource::default()
    }))
}

fn assumable(
    call: &mut Call<'_>,
    account: &AccountId,
    name: &str,
) -> Result<Option<Resource>, CallError> {
    let role = call.env.identities.role(call.tx, account, name)?;
    let found = existing::<Role>(call, account, name)?;
    Ok(found.map(|found| Resource {
        policy: role.map(|role| role.trust.clone()),
        ..found
    }))
}

/// A thing of the caller's account; one that does not exist would stand under the path `/`.
fn named<T: AsResource>(call: &Call<'_>, name: &str) -> Result<Resource, CallError> {
    let found = existing::<T>(call, call.account(), name)?;
    let resource = found.unwrap_or_else(|| would_be(call, T::KIND, "/", name));
    Ok(shown(resource, format!("{} {name}", T::SHOWN)))
}

fn shown(resource: Resource, shown: String) -> Resource {
    Resource {
        shown: Some(shown),
        ..resource
    }
}

/// Refusals name what is tagged or passed by its ARN.
fn by_arn(resource: Resource) -> Resource {
    Resource {
        shown: None,
        ..resource
    }
}

fn would_be(call: &Call<'_>, kind: &str, path: &str, name: &str) -> Resource {
    Resource::named(format!(
        "arn:aws:iam::{}:{kind}{path}{name}",
        call.account()
    ))
}

/// The user that is named, or else the caller.
fn user(call: &Call<'_>, name: Option<&str>) -> Result<Resource, CallError> {
    match (name, &call.context.caller.identity) {
        (Some(name), _) => named::<User>(call, name),
        (None, Identity::User(user)) => named::<User>(call, &user.name),
        (None, Identity::Root) => Ok(Resource::named(call.context.caller.arn())),
        (None, _) => Ok(would_be(call, User::KIND, "/", "")),
    }
}

fn boundary_of_user(call: &Call<'_>, name: Option<&str>) -> Result<Option<String>, CallError> {
    let found = find::<User>(call.tx, call.account(), name.unwrap_or_default())?;
    Ok(found.and_then(|user| user.boundary.clone()))
}

fn boundary_of_role(call: &Call<'_>, name: &str) -> Result<Option<String>, CallError> {
    Ok(find::<Role>(call.tx, call.account(), name)?.and_then(|role| role.boundary.clone()))
}

fn with_boundary(mut resource: Resource, boundary: Option<String>) -> Resource {
    resource
        .context
        .extend(boundary.map(|arn| ("iam:PermissionsBoundary".to_owned(), vec![arn])));
    resource
}

/// Source of the second key's value: IAM API Reference, `AddRoleToInstanceProfile`.
fn passed_to_ec2(call: &Call<'_>, mut role: Resource) -> Resource {
    let instances = format!("arn:aws:ec2:*:{}:instance/*", call.account());
    role.context
        .push(("iam:PassedToService".to_owned(), vec![EC2.to_owned()]));
    role.context
        .push(("iam:AssociatedResourceArn".to_owned(), vec![instances]));
    role
}

/// A managed policy. AWS's own are asked about as the caller's account's; another account's belongs to that account, which alone
/// sees its tags.
fn policy(call: &Call<'_>, arn: &str) -> Result<Resource, CallError> {
    let resource = match policy_arn::owner(arn) {
        Some(PolicyOwner::Account(account)) if account != *call.account() => Resource {
            account: Some(account),
            ..Resource::named(arn)
        },
        Some(PolicyOwner::Account(account)) => {
            existing::<ManagedPolicy>(call, &account, policy_arn::name(arn))?
                .filter(|found| found.arn == arn)
                .unwrap_or_else(|| Resource::named(arn))
        }
        _ => Resource::named(arn),
    };
    Ok(shown(resource, format!("policy {arn}")))
}

/// The user an access key belongs to. Of another account's key only the account is said, and that stands in its id: whether there
/// is such a key does not show.
fn access_key_user(call: &Call<'_>, id: &str) -> Result<Resource, CallError> {
    let key = call.tx.get_cached(&ACCESS_KEYS, &(id,))?;
    let account = key
        .as_ref()
        .map(|key| key.account.clone())
        .or_else(|| account_of_access_key(id));
    if account
        .as_ref()
        .is_some_and(|account| account != call.account())
    {
        return Ok(Resource {
            account,
            ..Resource::named("*")
        });
    }
    match key.as_deref().map(|key: &tables::AccessKey| &key.owner) {
        Some(Owner::User { name, .. }) => named::<User>(call, name),
        Some(Owner::Root) => Ok(Resource::named(format!(
            "arn:aws:iam::{}:root",
            call.account()
        ))),
        None => Ok(Resource::named("*")),
    }
}

/// A thing and what it shall be called: who renames must be allowed on both (IAM API Reference, `UpdateUser`).
fn renamed(
    call: &Call<'_>,
    now: Resource,
    kind: &str,
    new_path: Option<&str>,
    new_name: Option<&str>,
) -> Result<Vec<Resource>, CallError> {
    let resource = now
        .arn
        .split_once(&format!(":{kind}"))
        .map_or("", |(_, resource)| resource);
    let (path, name) = resource
        .rsplit_once('/')
        .map_or(("", resource), |(path, name)| (path, name));
    let path = new_path.map_or_else(|| format!("{path}/"), str::to_owned);
    let new = would_be(call, kind, &path, new_name.unwrap_or(name));
    Ok(if new.arn == now.arn {
        vec![now]
    } else {
        vec![now, new]
    })
}
