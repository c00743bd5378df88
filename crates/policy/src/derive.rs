//! Context keys that AWS derives from the principal and the resource.
//!
//! Source: IAM User Guide, "AWS global condition context keys" and the table of principal key values under
//! "Variables and tags". A key the request sets itself wins.

use crate::context::Found;
use crate::principal::{Identity, friendly_name};
use crate::request::Request;
use std::borrow::Cow;

/// A key that can be derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    CurrentTime,
    EpochTime,
    PrincipalAccount,
    PrincipalArn,
    PrincipalIsAwsService,
    PrincipalOrgId,
    PrincipalServiceName,
    PrincipalServiceNamesList,
    /// The tag's key, in lower case.
    PrincipalTag(Box<str>),
    PrincipalType,
    ResourceAccount,
    ResourceOrgId,
    UserId,
    UserName,
    ViaAwsService,
}

impl Derived {
    /// Which derivation a key, in lower case, has.
    pub fn of(name: &str) -> Option<Derived> {
        let rest = name.strip_prefix("aws:")?;
        Some(match rest {
            "currenttime" => Derived::CurrentTime,
            "epochtime" => Derived::EpochTime,
            "principalaccount" => Derived::PrincipalAccount,
            "principalarn" => Derived::PrincipalArn,
            "principalisawsservice" => Derived::PrincipalIsAwsService,
            "principalorgid" => Derived::PrincipalOrgId,
            "principalservicename" => Derived::PrincipalServiceName,
            "principalservicenameslist" => Derived::PrincipalServiceNamesList,
            "principaltype" => Derived::PrincipalType,
            "resourceaccount" => Derived::ResourceAccount,
            "resourceorgid" => Derived::ResourceOrgId,
            "userid" => Derived::UserId,
            "username" => Derived::UserName,
            "viaawsservice" => Derived::ViaAwsService,
            _ => Derived::PrincipalTag(rest.strip_prefix("principaltag/")?.into()),
        })
    }

    /// The derived value.
    pub fn find<'r>(&self, request: &'r Request<'_>) -> Found<'r> {
        if let (Derived::PrincipalServiceNamesList, Identity::Service { name }) =
            (self, request.principal.identity())
        {
            return Found::Many(std::slice::from_ref(name));
        }
        match self.value(request) {
            Some(value) => Found::One(value),
            None => Found::Missing,
        }
    }

    fn value<'r>(&self, request: &'r Request<'_>) -> Option<Cow<'r, str>> {
        let principal = request.principal;
        let identity = principal.identity();
        Some(match self {
            Derived::CurrentTime => Cow::Owned(request.now?.to_iso()),
            Derived::EpochTime => Cow::Owned(request.now?.seconds.to_string()),
            Derived::PrincipalAccount if *identity == Identity::Anonymous => "anonymous".into(),
            Derived::PrincipalAccount => principal.account()?.into(),
            Derived::PrincipalArn => principal_arn(identity)?.into(),
            Derived::PrincipalIsAwsService => is_aws_service(identity)?.into(),
            Derived::PrincipalOrgId => {
                principal.account()?;
                request.principal_organization?.id.as_ref().into()
            }
            Derived::PrincipalServiceName => match identity {
                Identity::Service { name } => name.into(),
                _ => return None,
            },
            Derived::PrincipalServiceNamesList => return None,
            Derived::PrincipalTag(key) => principal.tag(key)?.into(),
            Derived::PrincipalType => principal_type(identity)?.into(),
            Derived::ResourceAccount => request.resource_account?.into(),
            Derived::ResourceOrgId => request.resource_organization?.id.as_ref().into(),
            Derived::UserId => user_id(request)?,
            Derived::UserName => match identity {
                Identity::User { arn } => friendly_name(arn).into(),
                _ => return None,
            },
            Derived::ViaAwsService => "false".into(),
        })
    }
}

/// For a session of a role this is the role.
fn principal_arn(identity: &Identity) -> Option<&str> {
    match identity {
        Identity::User { arn } | Identity::FederatedUser { arn, .. } | Identity::Root { arn } => {
            Some(arn)
        }
        Identity::RoleSession { role, .. } => Some(role),
        Identity::Service { .. } | Identity::Federated { .. } | Identity::Anonymous => None,
    }
}

/// In signed requests only.
fn is_aws_service(identity: &Identity) -> Option<&'static str> {
    match identity {
        Identity::Service { .. } => Some("true"),
        Identity::Federated { .. } | Identity::Anonymous => None,
        _ => Some("false"),
    }
}

fn principal_type(identity: &Identity) -> Option<&'static str> {
    match identity {
        Identity::User { .. } => Some("User"),
        Identity::RoleSession { .. } => Some("AssumedRole"),
        Identity::FederatedUser { .. } => Some("FederatedUser"),
        Identity::Root { .. } => Some("Account"),
        Identity::Anonymous => Some("Anonymous"),
        Identity::Service { .. } | Identity::Federated { .. } => None,
    }
}

fn user_id<'r>(request: &'r Request<'_>) -> Option<Cow<'r, str>> {
    let principal = request.principal;
    if let Some(id) = principal.user_id() {
        return Some(id.into());
    }
    match principal.identity() {
        Identity::Root { .. } => Some(principal.account()?.into()),
        Identity::FederatedUser { arn, .. } => Some(Cow::Owned(format!(
            "{}:{}",
            principal.account()?,
            friendly_name(arn)
        ))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Context, Key};
    use crate::principal::Principal;
    use crate::request::{Organization, Timestamp};

    const USER: &str = "arn:aws:iam::111122223333:user/team/ann";

    fn see(principal: &Principal, key: &str) -> String {
        let context = Context::new();
        let organization = Organization::new("o-a1", "999988887777");
        let request = Request::new(principal, "s3:GetObject", "arn:aws:s3:::b/k", &context)
            .in_account("444455556666")
            .in_organizations(Some(&organization), Some(&organization))
            .at(Timestamp {
                seconds: 1_700_000_000,
                nanos: 0,
            });
        Key::new(key).derived.map_or("underived".into(), |derived| {
            derived.find(&request).describe()
        })
    }

    #[test]
    fn the_table_of_principal_key_values() {
        let session = "arn:aws:sts::111122223333:assumed-role/app/s1";
        let role = "arn:aws:iam::111122223333:role/p/app";
        let federated = "arn:aws:sts::111122223333:federated-user/fred";
        let root = "arn:aws:iam::111122223333:root";
        let all = [
            Principal::user(USER).unwrap().with_user_id("AIDAX"),
            Principal::role_session(session, role)
                .unwrap()
                .with_user_id("AROAX:s1"),
            Principal::federated_user(federated, USER).unwrap(),
            Principal::root(root).unwrap(),
            Principal::service("ec2.amazonaws.com"),
            Principal::anonymous(),
        ];
        let row = |key: &str| {
            all.iter()
                .map(|principal| see(principal, key).replace('"', ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            row("aws:PrincipalArn"),
            [USER, role, federated, root, "absent", "absent"]
        );
        let account = "111122223333";
        assert_eq!(
            row("aws:PrincipalAccount"),
            [account, account, account, account, "absent", "anonymous"]
        );
        assert_eq!(
            row("aws:PrincipalType"),
            [
                "User",
                "AssumedRole",
                "FederatedUser",
                "Account",
                "absent",
                "Anonymous"
            ]
        );
        assert_eq!(
            row("aws:username"),
            ["ann", "absent", "absent", "absent", "absent", "absent"]
        );
        assert_eq!(
            row("aws:userid"),
            [
                "AIDAX",
                "AROAX:s1",
                "111122223333:fred",
                account,
                "absent",
                "absent"
            ]
        );
        assert_eq!(
            row("aws:PrincipalIsAWSService"),
            ["false", "false", "false", "false", "true", "absent"]
        );
        assert_eq!(
            row("aws:PrincipalOrgID"),
            ["o-a1", "o-a1", "o-a1", "o-a1", "absent", "absent"]
        );
        assert_eq!(row("aws:PrincipalServiceName")[4], "ec2.amazonaws.com");
        assert_eq!(
            row("aws:PrincipalServiceNamesList")[4],
            "[ec2.amazonaws.com]"
        );
        assert_eq!(row("aws:PrincipalServiceNamesList")[0], "absent");
    }

    #[test]
    fn resource_clock_and_tags_are_derived() {
        let principal = Principal::user(USER).unwrap().with_tags([("Team", "Blue")]);
        assert_eq!(see(&principal, "aws:ResourceAccount"), "\"444455556666\"");
        assert_eq!(see(&principal, "aws:ResourceOrgID"), "\"o-a1\"");
        assert_eq!(
            see(&principal, "aws:CurrentTime"),
            "\"2023-11-14T22:13:20Z\""
        );
        assert_eq!(see(&principal, "aws:EpochTime"), "\"1700000000\"");
        assert_eq!(see(&principal, "aws:principaltag/TEAM"), "\"Blue\"");
        assert_eq!(see(&principal, "aws:PrincipalTag/other"), "absent");
        assert_eq!(see(&principal, "aws:SourceIp"), "underived");
    }
}
