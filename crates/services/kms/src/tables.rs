//! What KMS keeps. No row holds a secret: materials are named by their ids, and what they are made of is behind the key vault.

use palisade_core::AccountId;
use palisade_core::principals::Trusted;
use palisade_store::Table;
use serde::{Deserialize, Serialize};

/// Account, Region, and what is named in it: a key's id, or an alias with its `alias/`.
pub(crate) type Place = (String, String, String);

/// Keys and values, in the order they were given.
pub(crate) type Tags = Vec<(String, String)>;

pub(crate) static KEYS: Table<Place, Key> = Table::new("kms.key");
/// Account and key id, to what all Regions of the key share.
pub(crate) static RINGS: Table<(String, String), Ring> = Table::new("kms.ring");
pub(crate) static ALIASES: Table<Place, Alias> = Table::new("kms.alias");
/// Account, Region, key id, alias: which aliases a key has.
pub(crate) static ALIASES_OF_KEY: Table<(String, String, String, String), ()> =
    Table::new("kms.key-alias");
/// Account, Region, key id, grant id.
pub(crate) static GRANTS: Table<(String, String, String, String), Grant> = Table::new("kms.grant");
/// Account, Region, key id, grantee, what it may do and under which constraint, grant id: what a principal is granted on a key.
pub(crate) static GRANTS_BY_USE: Table<(String, String, String, String, String, String), ()> =
    Table::new("kms.grant-use");
/// Account, Region, key id, a digest of a grant with a name, to the grant's id.
pub(crate) static GRANTS_BY_NAME: Table<(String, String, String, String), String> =
    Table::new("kms.grant-name");
/// The retiring principal's account (the key's, where that is an AWS service), Region, retiring principal, the key's account and id as `ACCOUNT/ID`, grant id: what a principal
/// may retire.
pub(crate) static GRANTS_OF_RETIRER: Table<(String, String, String, String, String), ()> =
    Table::new("kms.retirer");

/// Account, Region, material id: every material that the vault is to hold, until its row is deleted.
pub(crate) static MATERIALS: Table<Place, ()> = Table::new("kms.material");

/// A key, as one Region has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub created_ms: i64,
    pub description: String,
    /// Whether it was last enabled or disabled.
    pub enabled: bool,
    pub deletion: Option<Deletion>,
    /// The key policy, valid when it was put.
    pub policy: String,
    /// The users and roles the policy names, each with its unique id when it was put: made anew under its old name, a principal is
    /// somebody else and is not meant.
    #[serde(default)]
    pub trusted: Trusted,
    pub tags: Tags,
    /// The imported materials that are here, where the key's materials are imported.
    pub imported: Vec<Imported>,
}

/// When a key will be no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deletion {
    /// At this state time, in milliseconds.
    At(i64),
    /// So many days after its last replica.
    AfterReplicas(i32),
}

/// An imported material that a Region holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Imported {
    pub material: String,
    /// When it expires, in milliseconds.
    pub valid_to_ms: Option<i64>,
    pub description: Option<String>,
}

/// What all Regions of a key share. A single-Region key has one Region.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ring {
    /// `SYMMETRIC_DEFAULT`, `RSA_2048`, …
    pub spec: String,
    /// `ENCRYPT_DECRYPT`, …
    pub usage: String,
    pub origin: Origin,
    pub multi_region: bool,
    /// The primary's Region.
    pub primary: String,
    /// Every Region that has the key.
    pub regions: Vec<String>,
    /// Oldest first; the last one that is in use encrypts.
    pub materials: Vec<Version>,
    pub rotation: Option<Rotation>,
    /// An imported material that is to be the next one.
    #[serde(default)]
    pub pending: Option<Version>,
    /// Whether it is an AWS managed key.
    #[serde(default)]
    pub managed: bool,
}

/// Where a key's materials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// Made here.
    AwsKms,
    /// Imported.
    External,
}

/// One of a key's materials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// 64 hexadecimal digits, a function of key and material.
    pub id: String,
    /// The Region whose part of the vault holds it.
    pub region: String,
    /// When it came into use, in milliseconds.
    pub since_ms: i64,
    pub by: Rotated,
}

/// How a material came into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rotated {
    /// With the key.
    First,
    /// By the schedule.
    Automatic,
    /// By RotateKeyOnDemand.
    OnDemand,
}

/// A rotation schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub period_days: i32,
    /// When it is due next, in milliseconds.
    pub next_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub key: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub name: Option<String>,
    pub created_ms: i64,
    /// The account that made it.
    pub issuer: AccountId,
    pub grantee: Party,
    pub retirer: Option<Party>,
    pub operations: Vec<String>,
    pub constraints: Constraints,
}

/// Whom a grant names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Party {
    /// An account, user, role or session by ARN, with the unique id of a user or role when the grant was made: made anew under its
    /// old name, a principal is somebody else.
    Principal { arn: String, id: Option<String> },
    /// An AWS service.
    Service(String),
}

impl Party {
    /// As it was given.
    pub fn name(&self) -> &str {
        match self {
            Self::Principal { arn, .. } => arn,
            Self::Service(name) => name,
        }
    }
}

/// When a grant counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constraints {
    pub context: Option<ContextConstraint>,
    pub source_arn: Option<String>,
}

/// What a grant asks of the encryption context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ContextConstraint {
    /// To be this one.
    Equals(Vec<(String, String)>),
    /// To hold these pairs.
    Subset(Vec<(String, String)>),
}

impl Ring {
    /// The material that encrypts.
    pub fn current(&self) -> Option<&Version> {
        self.materials.last()
    }
}
