use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A region name such as `eu-central-1`: lower-case letters, digits and hyphens, at most 32 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Arc<str>);

/// A text that is no region name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a region name")]
pub struct InvalidRegion;

impl Region {
    /// Where the events of global services (IAM, and STS's global endpoint) are shown.
    pub const GLOBAL_EVENTS: &'static str = "us-east-1";

    /// Takes a name of the form described on the type.
    pub fn new(text: &str) -> Result<Self, InvalidRegion> {
        let valid = !text.is_empty()
            && text.len() <= 32
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        valid.then(|| Self(Arc::from(text))).ok_or(InvalidRegion)
    }

    /// `us-east-1`.
    pub fn us_east_1() -> Self {
        Self(Arc::from(Self::GLOBAL_EVENTS))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Region {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;
    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        Self::new(text)
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidRegion;
    fn try_from(text: String) -> Result<Self, InvalidRegion> {
        Self::new(&text)
    }
}

impl From<Region> for String {
    fn from(region: Region) -> String {
        region.0.to_string()
    }
}
