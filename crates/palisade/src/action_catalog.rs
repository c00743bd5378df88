//! What services, actions and condition keys there are: data/action-names.json and data/actions, packed by build.rs.

use std::io::Read as _;

use palisade_policy::{ActionCatalog, ActionFacts, ServiceFacts};

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/actions.deflate"));

/// The lines before the services': what actions are numbered by, and the service principals.
const HEAD_LINES: usize = 2;

/// The catalog, unpacked when it is needed.
pub struct Actions {
    text: String,
}

impl Actions {
    /// Unpacks it.
    pub fn unpack() -> Self {
        let mut text = String::new();
        let unpacked = flate2::read::DeflateDecoder::new(PACKED).read_to_string(&mut text);
        unpacked.expect("the program's own data");
        Self { text }
    }

    /// A line a service: its prefix, its keys, its actions.
    fn lines(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.text.lines().skip(HEAD_LINES).filter_map(|line| {
            let mut parts = line.splitn(3, '\t');
            Some((parts.next()?, parts.next()?, parts.next()?))
        })
    }
}

impl ActionCatalog for Actions {
    fn prefixes(&self) -> Vec<&str> {
        let with_actions = self.lines().filter(|(.., actions)| !actions.is_empty());
        with_actions.map(|(prefix, ..)| prefix).collect()
    }

    fn service(&self, prefix: &str) -> Option<ServiceFacts<'_>> {
        let (_, keys, actions) = self.lines().find(|(known, ..)| *known == prefix)?;
        let numbered: Vec<&str> = list(self.text.lines().next()?).collect();
        let facts = list(actions).map(|action| {
            let (name, numbers) = action.split_once(':').unwrap_or((action, ""));
            let (keys, resources) = numbers.split_once(';').unwrap_or((numbers, ""));
            let number = |number: &str| numbered.get(number.parse::<usize>().ok()?).copied();
            ActionFacts {
                name,
                keys: keys.split(' ').filter_map(number).collect(),
                resources: resources.split(' ').filter_map(number).collect(),
            }
        });
        Some(ServiceFacts {
            actions: facts.collect(),
            keys: (keys != "-").then(|| list(keys).collect()),
        })
    }

    fn service_principals(&self) -> Vec<&str> {
        self.text
            .lines()
            .nth(1)
            .map_or_else(Vec::new, |line| list(line).collect())
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_knows_services_actions_and_keys() {
        let catalog = Actions::unpack();
        let s3 = catalog.service("s3").unwrap();
        let list = s3.actions.iter().find(|a| a.name == "ListBucket").unwrap();
        assert!(list.keys.contains(&"s3:prefix"), "{:?}", list.keys);
        assert!(
            list.resources
                .contains(&"arn:${Partition}:s3:::${BucketName}")
        );
        assert!(s3.keys.unwrap().contains(&"s3:x-amz-acl"));
        // Of most services the names alone are known.
        let lambda = catalog.service("lambda").unwrap();
        assert!(lambda.keys.is_none() && lambda.actions.len() > 50);
        let global = catalog.service("aws").unwrap();
        assert!(global.actions.is_empty() && global.keys.unwrap().contains(&"aws:SourceIp"));
        assert!(catalog.service("palisade").is_some() && catalog.service("s33").is_none());
        let principals = catalog.service_principals();
        assert!(principals.len() > 200 && principals.contains(&"ec2.amazonaws.com"));
        let prefixes: Vec<&str> = catalog.prefixes();
        assert!(prefixes.len() > 400 && !prefixes.contains(&"aws"));
    }
}
