//! What is kept.

use palisade_store::Table;
use serde::{Deserialize, Serialize};

/// Account, place (a Region, or `global`), kind as ARNs write it, name.
pub(crate) type Key = (String, String, String, String);

/// Keys and values, in the order they were given.
pub(crate) type Tags = Vec<(String, String)>;

pub(crate) static ENTITIES: Table<Key, Entity> = Table::new("wafv2.entity");
/// The ARN of a set or group, and the ARN of an ACL or group that refers to it.
pub(crate) static USES: Table<(String, String), ()> = Table::new("wafv2.use");
/// Account and ARN of what is protected, to the ARN of the web ACL that protects it.
pub(crate) static PROTECTED: Table<(String, String), String> = Table::new("wafv2.protected");
/// ARN of a web ACL, and the ARN of what it protects.
pub(crate) static PROTECTS: Table<(String, String), ()> = Table::new("wafv2.protects");

/// An IP set, a regex pattern set, a rule group or a web ACL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entity {
    pub id: String,
    /// What a change must name: another one after each.
    pub lock: String,
    pub description: String,
    /// The other members as they were put (`palisade_model::persist`), as base64: bytes of a row would be a list of numbers.
    pub body: String,
    /// The capacity units of a web ACL's rules.
    pub capacity: i64,
    pub tags: Tags,
}
