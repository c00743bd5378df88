use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Region;

/// The regions of the `aws` partition, a fact of botocore's (tools/refresh-regions).
const DATA: &str = include_str!("../../../data/regions.json");

#[derive(Deserialize)]
struct File {
    regions: BTreeMap<Region, String>,
}

/// The regions that are served: those of the `aws` partition, and names of the site's own.
///
/// ```
/// use palisade_core::{Region, Regions};
/// let regions = Regions::default().with([Region::new("dc-north-1").unwrap()]);
/// assert!(regions.named("eu-west-1").is_some() && regions.named("dc-north-1").is_some());
/// assert!(regions.named("eu-west-9").is_none() && regions.named("aws-global").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions(BTreeSet<Region>);

impl Default for Regions {
    /// Those of the `aws` partition.
    fn default() -> Self {
        let file: File = serde_json::from_str(DATA).expect("the program's own data");
        Self(file.regions.into_keys().collect())
    }
}

impl Regions {
    /// With further ones.
    #[must_use]
    pub fn with(mut self, own: impl IntoIterator<Item = Region>) -> Self {
        self.0.extend(own);
        self
    }

    /// The region of that name; `None` where it is not served.
    pub fn named(&self, name: &str) -> Option<&Region> {
        self.0.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.0.iter()
    }
}
