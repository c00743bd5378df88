//! Who asks: the principal of a request.
//!
//! Source: IAM User Guide, "Policy elements: Principal", "Unique identifiers".

use crate::arn;
use std::fmt;

/// Which kind of principal, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An IAM user.
    User {
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`
        arn: String,
    },
    /// A session of a role.
    RoleSession {
        /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
        arn: String,
        /// The role's ARN, path included.
        role: String,
    },
    /// A session of GetFederationToken.
    FederatedUser {
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
        arn: String,
        /// The ARN of the IAM user (or root) that federated.
        source: String,
    },
    /// The root user of an account.
    Root {
        /// `arn:aws:iam::ACCOUNT:root`
        arn: String,
    },
    /// An AWS service, acting on its own behalf.
    Service {
        /// `SERVICE.amazonaws.com`
        name: String,
    },
    /// Someone known to an identity provider who has no AWS credentials yet (AssumeRoleWithWebIdentity, …WithSAML).
    Federated {
        /// The provider as written in trust policies: its ARN or its well-known name.
        provider: String,
    },
    /// Nobody in particular: the request is not signed.
    Anonymous,
}

/// A principal, as [`crate::evaluate()`] needs it. Cheap to keep and to share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    identity: Identity,
    account: Option<String>,
    user_id: Option<String>,
    canonical_user: Option<String>,
    /// Names in lower case, sorted.
    tags: Vec<(Box<str>, String)>,
}

/// Why an ARN is not that of a principal of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalError {
    /// The text given.
    pub given: String,
    /// What it should have looked like.
    pub wanted: &'static str,
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not of the form {}", self.given, self.wanted)
    }
}

impl std::error::Error for PrincipalError {}

const USER: &str = "arn:aws:iam::ACCOUNT:user/NAME";
const ROLE: &str = "arn:aws:iam::ACCOUNT:role/NAME, of the session's role";
const SESSION: &str = "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION";
const FEDERATED: &str = "arn:aws:sts::ACCOUNT:federated-user/NAME";
const ROOT: &str = "arn:aws:iam::ACCOUNT:root";

impl Principal {
    /// An IAM user.
    pub fn user(arn: &str) -> Result<Principal, PrincipalError> {
        let account = account(arn, "iam", "user/", USER)?;
        Ok(Principal::of(
            Identity::User {
                arn: arn.to_owned(),
            },
            Some(account),
        ))
    }

    /// A role session: its own ARN and the role's, path included.
    pub fn role_session(arn: &str, role: &str) -> Result<Principal, PrincipalError> {
        let in_session = account(arn, "sts", "assumed-role/", SESSION)?;
        let in_role = account(role, "iam", "role/", ROLE)?;
        let name = session_role(arn).ok_or(PrincipalError {
            given: arn.to_owned(),
            wanted: SESSION,
        })?;
        if in_session != in_role || friendly_name(role) != name {
            return Err(PrincipalError {
                given: role.to_owned(),
                wanted: ROLE,
            });
        }
        let identity = Identity::RoleSession {
            arn: arn.to_owned(),
            role: role.to_owned(),
        };
        Ok(Principal::of(identity, Some(in_session)))
    }

    /// A federated user: the session's ARN and that of the user (or root) who called GetFederationToken.
    pub fn federated_user(arn: &str, source: &str) -> Result<Principal, PrincipalError> {
        let in_session = account(arn, "sts", "federated-user/", FEDERATED)?;
        let in_source = account(source, "iam", "user/", USER)
            .or_else(|_| account(source, "iam", "root", USER))?;
        if in_session != in_source {
            return Err(PrincipalError {
                given: source.to_owned(),
                wanted: "a user of the same account",
            });
        }
        let identity = Identity::FederatedUser {
            arn: arn.to_owned(),
            source: source.to_owned(),
        };
        Ok(Principal::of(identity, Some(in_session)))
    }

    /// The root user of an account.
    pub fn root(arn: &str) -> Result<Principal, PrincipalError> {
        let account = account(arn, "iam", "root", ROOT)?;
        Ok(Principal::of(
            Identity::Root {
                arn: arn.to_owned(),
            },
            Some(account),
        ))
    }

    /// An AWS service.
    pub fn service(name: &str) -> Principal {
        Principal::of(
            Identity::Service {
                name: name.to_owned(),
            },
            None,
        )
    }

    /// Someone vouched for by an identity provider.
    pub fn federated(provider: &str) -> Principal {
        Principal::of(
            Identity::Federated {
                provider: provider.to_owned(),
            },
            None,
        )
    }

    /// The sender of an unsigned request.
    pub fn anonymous() -> Principal {
        Principal::of(Identity::Anonymous, None)
    }

    fn of(identity: Identity, account: Option<String>) -> Principal {
        Principal {
            identity,
            account,
            user_id: None,
            canonical_user: None,
            tags: Vec::new(),
        }
    }

    /// Sets `aws:userid`: the AIDA… id of a user, `AROA…:SESSION` of a role session. Root and federated users
    /// need none, theirs follows from the ARN.
    pub fn with_user_id(mut self, id: impl Into<String>) -> Principal {
        self.user_id = Some(id.into());
        self
    }

    /// Sets the S3 canonical user id, for policies that name it.
    pub fn with_canonical_user(mut self, id: impl Into<String>) -> Principal {
        self.canonical_user = Some(id.into());
        self
    }

    /// Sets the principal's tags (for a session: the session's and the role's together): `aws:PrincipalTag/KEY`.
    pub fn with_tags<K: AsRef<str>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Principal {
        self.tags = tags
            .into_iter()
            .map(|(k, v)| (k.as_ref().to_lowercase().into(), v.into()))
            .collect();
        self.tags.sort();
        self
    }

    /// Which kind of principal it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The account it belongs to; services, providers and the anonymous have none.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The ARN that makes the request; for a service its name, for a provider its identifier, else `anonymous`.
    pub fn name(&self) -> &str {
        match &self.identity {
            Identity::User { arn }
            | Identity::RoleSession { arn, .. }
            | Identity::FederatedUser { arn, .. }
            | Identity::Root { arn } => arn,
            Identity::Service { name } => name,
            Identity::Federated { provider } => provider,
            Identity::Anonymous => "anonymous",
        }
    }

    pub(crate) fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    pub(crate) fn canonical_user(&self) -> Option<&str> {
        self.canonical_user.as_deref()
    }

    pub(crate) fn tag(&self, lower: &str) -> Option<&str> {
        let at = self
            .tags
            .binary_search_by(|(name, _)| name.as_ref().cmp(lower))
            .ok()?;
        self.tags.get(at).map(|(_, value)| value.as_str())
    }

    /// True for a session of a role whose path is `/aws-service-role/`, whatever its name.
    pub fn is_service_linked(&self) -> bool {
        match &self.identity {
            Identity::RoleSession { role, .. } => {
                resource_part(role).starts_with("role/aws-service-role/")
            }
            _ => false,
        }
    }
}

/// The last part of a path: the friendly name of a user or role.
pub(crate) fn friendly_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn resource_part(text: &str) -> &str {
    arn::split(text).map_or("", |segments| segments[4])
}

fn session_role(session: &str) -> Option<&str> {
    let mut parts = resource_part(session).split('/').skip(1);
    let role = parts.next()?;
    parts.next().filter(|name| !name.is_empty())?;
    Some(role)
}

/// Checks an ARN's service and resource prefix; gives its account.
fn account(
    text: &str,
    service: &str,
    prefix: &str,
    wanted: &'static str,
) -> Result<String, PrincipalError> {
    let error = || PrincipalError {
        given: text.to_owned(),
        wanted,
    };
    let [_, in_service, region, account, resource] = arn::split(text).ok_or_else(error)?;
    let named = if prefix.ends_with('/') {
        resource.len() > prefix.len()
    } else {
        resource == prefix
    };
    if in_service != service
        || !region.is_empty()
        || !is_account(account)
        || !resource.starts_with(prefix)
        || !named
    {
        return Err(error());
    }
    Ok(account.to_owned())
}

/// True for twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_the_wrong_kind_are_refused() {
        assert!(Principal::user("arn:aws:iam::111122223333:user/a/b").is_ok());
        assert!(Principal::user("arn:aws:iam::111122223333:role/a").is_err());
        assert!(Principal::user("arn:aws:iam::111122223333:user/").is_err());
        assert!(Principal::user("arn:aws:iam::1111:user/a").is_err());
        assert!(Principal::root("arn:aws:iam::111122223333:root").is_ok());
        assert!(Principal::root("arn:aws:iam::111122223333:rooty").is_err());
        let session = "arn:aws:sts::111122223333:assumed-role/app/s1";
        assert!(Principal::role_session(session, "arn:aws:iam::111122223333:role/x/app").is_ok());
        assert!(Principal::role_session(session, "arn:aws:iam::111122223333:role/other").is_err());
        assert!(Principal::role_session(session, "arn:aws:iam::999922223333:role/app").is_err());
        assert!(
            Principal::role_session(
                "arn:aws:sts::111122223333:assumed-role/app",
                "arn:aws:iam::111122223333:role/app"
            )
            .is_err()
        );
        let federated = "arn:aws:sts::111122223333:federated-user/f";
        assert!(Principal::federated_user(federated, "arn:aws:iam::111122223333:user/u").is_ok());
        assert!(Principal::federated_user(federated, "arn:aws:iam::111122223333:root").is_ok());
        assert!(Principal::federated_user(federated, "arn:aws:iam::444422223333:user/u").is_err());
    }

    #[test]
    fn service_linked_is_the_path_never_the_name() {
        let session = |role: &str| {
            let name = friendly_name(role);
            Principal::role_session(
                &format!("arn:aws:sts::111122223333:assumed-role/{name}/s"),
                role,
            )
            .unwrap()
        };
        assert!(
            session(
                "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
            )
            .is_service_linked()
        );
        assert!(!session("arn:aws:iam::111122223333:role/AWSServiceRoleForX").is_service_linked());
        assert!(
            !session("arn:aws:iam::111122223333:role/team/aws-service-role/x").is_service_linked()
        );
    }
}
