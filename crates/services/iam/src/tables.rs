//! What IAM keeps: one row a thing, all that belongs to a thing inside its row (quotas bound how much that can be), and indexes
//! only where a question goes the other way.

use palisade_core::{AccountId, Sealed};
use palisade_store::Table;
use serde::{Deserialize, Serialize};

use crate::document::Document;

/// An account's number, and a name in lower case: names are unique whatever the case of their letters.
pub(crate) type NameKey = (String, String);

/// Keys and values, in the order they were given.
pub(crate) type Tags = Vec<(String, String)>;

pub(crate) static ACCOUNTS: Table<(String,), Account> = Table::new("iam.account");
/// Alias to account: aliases are unique on the whole server.
pub(crate) static ALIASES: Table<(String,), AccountId> = Table::new("iam.alias");
pub(crate) static USERS: Table<NameKey, User> = Table::new("iam.user");
pub(crate) static GROUPS: Table<NameKey, Group> = Table::new("iam.group");
pub(crate) static ROLES: Table<NameKey, Role> = Table::new("iam.role");
pub(crate) static POLICIES: Table<NameKey, ManagedPolicy> = Table::new("iam.policy");
pub(crate) static INSTANCE_PROFILES: Table<NameKey, InstanceProfile> =
    Table::new("iam.instance-profile");
pub(crate) static ACCESS_KEYS: Table<(String,), AccessKey> = Table::new("iam.access-key");
/// Account and unique id of a group, to its name in lower case: members know their groups by id, so a group is renamed in one write.
pub(crate) static GROUP_NAMES: Table<(String, String), String> = Table::new("iam.group-name");
/// Account, unique id of a group, user: who is in a group. The other direction stands in the user's row.
pub(crate) static MEMBERS: Table<(String, String, String), ()> = Table::new("iam.member");
/// Account, policy ARN, [`Usage`], the kind of thing and its name: where a managed policy is used.
pub(crate) static USES: Table<(String, String, String, String, String), ()> =
    Table::new("iam.policy-use");
/// Account, role, instance profile: which instance profiles hold a role.
pub(crate) static PROFILES_OF_ROLE: Table<(String, String, String), ()> =
    Table::new("iam.role-profile");

/// What names a thing. Users, groups, roles, policies and instance profiles have one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub name: String,
    /// With its slashes: `/` or `/division/`.
    pub path: String,
    /// The unique id, never used again.
    pub id: String,
    pub created_ms: i64,
}

/// An account as IAM knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub created_ms: i64,
    pub alias: Option<String>,
    /// Ids of the root's access keys.
    pub root_keys: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub head: Head,
    pub tags: Tags,
    pub policies: Policies,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Unique ids of the groups the user is in.
    pub groups: Vec<String>,
    /// Ids of the user's access keys.
    pub keys: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub head: Head,
    pub policies: Policies,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub head: Head,
    pub tags: Tags,
    pub policies: Policies,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    pub trust: Document,
    /// The users and roles that the trust policy names, by ARN and the unique id it had when the policy was put: made anew
    /// under its old name, a principal is somebody else and is not trusted.
    pub trusted: Vec<(String, String)>,
    pub description: Option<String>,
    pub max_session_seconds: i64,
    /// Kept and given back; sign-in sessions do not exist here.
    pub max_signin_session_seconds: Option<i64>,
}

/// The policies of a user, group or role.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Policies {
    /// ARNs of the attached managed policies.
    pub attached: Vec<String>,
    /// Inline policies by name, sorted.
    pub inline: Vec<(String, Document)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub head: Head,
    pub tags: Tags,
    pub description: Option<String>,
    pub updated_ms: i64,
    /// The number of the version in effect.
    pub default: u32,
    /// Oldest first; numbers are never used again.
    pub versions: Vec<PolicyVersion>,
    /// The number of the next version.
    pub next: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub number: u32,
    pub created_ms: i64,
    pub document: Document,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    pub head: Head,
    pub tags: Tags,
    /// The name of the role it holds.
    pub role: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub account: AccountId,
    pub owner: Owner,
    /// Sealed for the purpose `access-key`, owned by the key's id.
    pub secret: Sealed,
    pub active: bool,
    pub created_ms: i64,
}

/// Whose an access key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    Root,
    User { name: String, id: String },
}

/// What a managed policy is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// It is attached.
    Permissions,
    /// It is a permissions boundary.
    Boundary,
}

impl Usage {
    /// The word in a row of [`USES`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Boundary => "boundary",
        }
    }
}

/// The key of a named thing.
pub(crate) fn name_key(account: &AccountId, name: &str) -> NameKey {
    (account.to_string(), name.to_ascii_lowercase())
}
