//! The action tables in `data/actions/`, against which rows are checked, and what an API's model names before them
//! (`data/actions-ahead/`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The tables that were asked for, read once each.
pub struct Tables {
    root: PathBuf,
    services: BTreeMap<String, Result<Table, String>>,
    global: Option<BTreeSet<String>>,
    /// The files that were read.
    pub read: Vec<PathBuf>,
}

/// The actions of one service prefix.
#[derive(Deserialize)]
pub struct Table {
    actions: BTreeMap<String, Action>,
    #[serde(default)]
    resources: BTreeMap<String, ResourceType>,
}

#[derive(Deserialize, Default)]
struct Action {
    #[serde(default)]
    resources: Vec<ResourceUse>,
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct ResourceUse {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct ResourceType {
    arn: String,
    #[serde(default)]
    keys: Vec<String>,
}

/// Actions that a service's table has not yet.
#[derive(Deserialize)]
struct Ahead {
    actions: BTreeMap<String, Action>,
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let json = crate::model::json(path)?;
    serde_json::from_value(json).map_err(|error| format!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
struct GlobalTable {
    keys: BTreeMap<String, serde_json::Value>,
}

impl Tables {
    /// Tables of that repository.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            services: BTreeMap::new(),
            global: None,
            read: Vec::new(),
        }
    }

    /// What is wrong with asking for that action on that resource with those condition keys; nothing if all is well.
    pub fn check(&mut self, action: &str, resource: &str, keys: &[&str]) -> Vec<String> {
        let Some((prefix, name)) = action.split_once(':') else {
            return vec![format!("{action} is no action: it has no service prefix")];
        };
        let global = match self.global_keys() {
            Ok(keys) => keys.clone(),
            Err(problem) => return vec![problem],
        };
        let table = match self.service(prefix) {
            Ok(table) => table,
            Err(problem) => return vec![problem.clone()],
        };
        let Some(found) = table.actions.get(name) else {
            return vec![format!(
                "unknown action {action}{}",
                table.nearest(prefix, name)
            )];
        };
        let mut problems = Vec::from_iter(table.check_resource(action, found, resource));
        let known = |key: &&&str| {
            let of_types = found.resources.iter().flat_map(|of| {
                of.keys.iter().chain(
                    table
                        .resources
                        .get(&of.kind)
                        .into_iter()
                        .flat_map(|kind| &kind.keys),
                )
            });
            found
                .keys
                .iter()
                .chain(of_types)
                .chain(&global)
                .any(|known| matches_key(known, key))
        };
        for key in keys.iter().filter(|key| !known(key)) {
            problems.push(format!("{action} has no condition key {key}"));
        }
        problems
    }

    fn service(&mut self, prefix: &str) -> &Result<Table, String> {
        let path = self.root.join(format!("data/actions/{prefix}.json"));
        let ahead = self.root.join(format!("data/actions-ahead/{prefix}.json"));
        self.services.entry(prefix.to_owned()).or_insert_with(|| {
            self.read.push(path.clone());
            let mut table: Table = read(&path)?;
            if ahead.is_file() {
                self.read.push(ahead.clone());
                let ahead: Ahead = read(&ahead)?;
                // What the table has by now counts.
                for (name, action) in ahead.actions {
                    table.actions.entry(name).or_insert(action);
                }
            }
            Ok(table)
        })
    }

    fn global_keys(&mut self) -> Result<&BTreeSet<String>, String> {
        if self.global.is_none() {
            let path = self.root.join("data/actions/aws.json");
            let json = crate::model::json(&path)?;
            let table: GlobalTable = serde_json::from_value(json)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            self.read.push(path);
            self.global = Some(table.keys.into_keys().collect());
        }
        self.global
            .as_ref()
            .ok_or_else(|| "no global condition keys".into())
    }
}

impl Table {
    /// `*` stands only where the action needs no resource, an ARN only where one of the action's types looks like it; for an
    /// action without types, where any of the service's does (AWS asks `iam:ListUsers` on `…:user/`, although its table says
    /// nothing). What a resolver finds is checked by the service's own tests.
    fn check_resource(&self, action: &str, found: &Action, resource: &str) -> Option<String> {
        let types = || {
            found
                .resources
                .iter()
                .map(|of| of.kind.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        if resource == "*" {
            let needs = found.resources.iter().any(|of| of.required);
            return needs
                .then(|| format!("{action} is asked on a resource ({}), not on *", types()));
        }
        if resource.starts_with('@') {
            return None;
        }
        let own = || {
            found
                .resources
                .iter()
                .filter_map(|of| self.resources.get(&of.kind))
        };
        let alike = |kind: &ResourceType| stem(&kind.arn) == stem(resource);
        let alike =
            own().any(alike) || (found.resources.is_empty() && self.resources.values().any(alike));
        (!alike).then(|| {
            format!(
                "{action} knows no resource like {resource} (it knows: {})",
                types()
            )
        })
    }

    /// A hint for an action that was misspelt.
    fn nearest(&self, prefix: &str, name: &str) -> String {
        let found = self
            .actions
            .keys()
            .find(|known| known.eq_ignore_ascii_case(name));
        found
            .map(|known| format!(" (is it {prefix}:{known}?)"))
            .unwrap_or_default()
    }
}

/// An ARN template up to the first variable of its resource part: what tells its type.
fn stem(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':');
    let head: Vec<&str> = parts.by_ref().take(5).collect();
    let resource = parts.next().unwrap_or_default();
    let resource = resource
        .split("${")
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    format!("{}:{resource}", head.join(":"))
}

/// Whether a key is the known one; the known one may end in a variable, as `aws:RequestTag/${TagKey}` does.
fn matches_key(known: &str, key: &str) -> bool {
    match known.split_once("${") {
        Some((stem, _)) => key.strip_prefix(stem).is_some_and(|rest| !rest.is_empty()),
        None => known == key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_tells_the_type() {
        assert_eq!(
            stem("arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"),
            stem("arn:${Partition}:iam::${Account}:user${Path}${UserName}")
        );
        assert_ne!(
            stem("arn:${Partition}:iam::${Account}:user/${A}"),
            stem("arn:${Partition}:iam::${Account}:role/${A}")
        );
    }

    #[test]
    fn a_key_with_a_variable_stands_for_many() {
        assert!(matches_key(
            "aws:RequestTag/${TagKey}",
            "aws:RequestTag/team"
        ));
        assert!(!matches_key("aws:RequestTag/${TagKey}", "aws:RequestTag/"));
        assert!(!matches_key("iam:PolicyARN", "iam:PolicyArn"));
    }
}
