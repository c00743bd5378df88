use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Session};

/// Who makes a call, once the signature said so.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account whose credentials were used.
    pub account: AccountId,
    /// The principal in it.
    pub identity: Identity,
    /// The access key the request was signed with; empty for callers that sign nothing.
    pub access_key_id: String,
    /// The session behind temporary credentials.
    pub session: Option<Arc<Session>>,
}

/// The kinds of principals that can call (IAM User Guide, "AWS JSON policy elements: Principal").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// The account's root.
    Root,
    /// An IAM user.
    User(UserRef),
    /// A role's session.
    RoleSession {
        /// The role that was assumed.
        role: RoleRef,
        /// The session's name.
        session_name: String,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// The federated user's name.
        name: String,
        /// The IAM user who federated; `None` when the root did.
        user: Option<UserRef>,
    },
    /// An AWS service acting by itself, such as `cloudtrail.amazonaws.com`.
    Service(String),
    /// Nobody: an unsigned request.
    Anonymous,
}

/// An IAM user, by name, path and unique id: made anew under its old name it is somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    /// The friendly name.
    pub name: String,
    /// The path, with its slashes.
    pub path: String,
    /// The unique id, `AIDA…`.
    pub id: String,
}

/// An IAM role, by name, path and unique id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRef {
    /// The role's own account.
    pub account: AccountId,
    /// The friendly name.
    pub name: String,
    /// The path, with its slashes.
    pub path: String,
    /// The unique id, `AROA…`.
    pub id: String,
}

impl UserRef {
    /// The user's ARN in `account`.
    pub fn arn(&self, account: &AccountId) -> String {
        format!("arn:aws:iam::{account}:user{}{}", self.path, self.name)
    }
}

impl RoleRef {
    /// The role's ARN, path included.
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:role{}{}",
            self.account, self.path, self.name
        )
    }

    /// A service-linked role: known by its path, never by its name.
    pub fn is_service_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }
}

impl Identity {
    /// The ARN that `GetCallerIdentity` prints and denials name.
    pub fn arn(&self, account: &AccountId) -> String {
        match self {
            Identity::Root => format!("arn:aws:iam::{account}:root"),
            Identity::User(user) => user.arn(account),
            Identity::RoleSession { role, session_name } => {
                format!(
                    "arn:aws:sts::{account}:assumed-role/{}/{session_name}",
                    role.name
                )
            }
            Identity::FederatedUser { name, .. } => {
                format!("arn:aws:sts::{account}:federated-user/{name}")
            }
            Identity::Service(name) => name.clone(),
            Identity::Anonymous => "anonymous".to_owned(),
        }
    }

    /// `aws:userid`, as the IAM User Guide's table "Principal key values" gives it.
    pub fn user_id(&self, account: &AccountId) -> String {
        match self {
            Identity::Root => account.to_string(),
            Identity::User(user) => user.id.clone(),
            Identity::RoleSession { role, session_name } => format!("{}:{session_name}", role.id),
            Identity::FederatedUser { name, .. } => format!("{account}:{name}"),
            Identity::Service(name) => name.clone(),
            Identity::Anonymous => "anonymous".to_owned(),
        }
    }
}

impl Caller {
    /// Nobody in particular, in the account a call is aimed at.
    pub fn anonymous(account: AccountId) -> Self {
        Self {
            account,
            identity: Identity::Anonymous,
            access_key_id: String::new(),
            session: None,
        }
    }

    /// The ARN that `GetCallerIdentity` prints and denials name.
    pub fn arn(&self) -> String {
        self.identity.arn(&self.account)
    }

    /// `aws:userid`, as the IAM User Guide's table "Principal key values" gives it.
    pub fn user_id(&self) -> String {
        self.identity.user_id(&self.account)
    }

    /// The principal's own tags and, for a session, the session's: what `aws:PrincipalTag/…` reads. Session tags win.
    pub fn principal_tags<'a>(&'a self, own: &'a [(String, String)]) -> Vec<(&'a str, &'a str)> {
        let session = self.session.as_ref().map_or(&[][..], |s| &s.tags[..]);
        let overridden = |key: &str| session.iter().any(|(k, _)| k.eq_ignore_ascii_case(key));
        let own = own.iter().filter(|(k, _)| !overridden(k));
        own.chain(session).map(|(k, v)| (&**k, &**v)).collect()
    }
}
