//! The groups there are, as data; and as what an ACL is compiled with.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use palisade_waf::detect::ManagedGroups;
use palisade_waf::model::{Action, Immunity, RuleAction, RuleGroup};
use serde_json::Value;

use crate::rules::statement;

/// What there is to know of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `AWS` or `Palisade`.
    pub vendor: String,
    /// The name an ACL refers to it by.
    pub name: String,
    /// The name on Palisade's command line.
    pub short: String,
    /// Capacity units, as AWS publishes them.
    pub capacity: u64,
    /// The prefix of its labels, with the colon at its end.
    pub label_namespace: String,
    /// The versions that may be asked for, the default one first. What they find is the same: AWS publishes no rules to tell them apart.
    pub versions: Vec<String>,
    /// What it is for.
    pub description: String,
    /// Its rules in the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// What there is to know of a rule of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its label within the group's namespace.
    pub label: String,
    /// `Block`; the only action there is in these groups.
    pub action: String,
    /// The field it looks at, in the words of `data/groups.json`.
    pub inspects: String,
    /// What it looks for, likewise.
    pub detects: String,
}

static CATALOG: LazyLock<Vec<Group>> =
    LazyLock::new(|| read(include_str!("../data/groups.json")).expect("the groups' data is sound"));

static GROUPS: LazyLock<Arc<Groups>> = LazyLock::new(|| {
    let made = CATALOG.iter().map(|group| {
        let key = (group.vendor.clone(), group.name.clone());
        (key, Arc::new(rule_group(group)))
    });
    Arc::new(Groups(made.collect()))
});

/// All groups, in the order of AWS's documentation; Palisade's own last.
pub fn catalog() -> &'static [Group] {
    &CATALOG
}

/// All groups, for [`palisade_waf::detect::Environment`]. Made once; cheap to ask for again.
pub fn groups() -> Arc<dyn ManagedGroups> {
    GROUPS.clone()
}

struct Groups(BTreeMap<(String, String), Arc<RuleGroup>>);

impl ManagedGroups for Groups {
    fn find(&self, vendor: &str, name: &str, version: Option<&str>) -> Option<Arc<RuleGroup>> {
        let known = CATALOG
            .iter()
            .find(|group| group.vendor == vendor && group.name == name)?;
        let is_there =
            version.is_none_or(|version| known.versions.iter().any(|have| have == version));
        let group = self.0.get(&(vendor.to_owned(), name.to_owned()));
        group.filter(|_| is_there).cloned()
    }
}

fn read(text: &str) -> Option<Vec<Group>> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.as_array()?.iter().map(group).collect()
}

fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

fn group(value: &Value) -> Option<Group> {
    let rule = |value: &Value| {
        Some(Rule {
            name: text(value, "name")?,
            label: text(value, "label")?,
            action: text(value, "action").filter(|action| action == "Block")?,
            inspects: text(value, "inspects")?,
            detects: text(value, "detects")?,
        })
    };
    let versions = value.get("versions")?.as_array()?.iter();
    Some(Group {
        vendor: text(value, "vendor")?,
        name: text(value, "name")?,
        short: text(value, "short")?,
        capacity: value.get("capacity")?.as_u64()?,
        label_namespace: text(value, "label_namespace")?,
        versions: versions
            .map(|version| version.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        description: text(value, "description")?,
        rules: value
            .get("rules")?
            .as_array()?
            .iter()
            .map(rule)
            .collect::<Option<_>>()?,
    })
}

fn rule_group(group: &Group) -> RuleGroup {
    let rule = |(index, rule): (usize, &Rule)| palisade_waf::model::Rule {
        name: rule.name.clone(),
        priority: index as u32,
        statement: statement(&rule.inspects, &rule.detects).expect("the rules' data is sound"),
        action: RuleAction::Own(Action::Block(None)),
        labels: vec![rule.label.clone()],
        metric: rule.name.clone(),
        immunity: Immunity::default(),
    };
    RuleGroup {
        name: group.name.clone(),
        id: format!("{}#{}", group.vendor, group.name),
        capacity: group.capacity,
        label_namespace: group.label_namespace.clone(),
        rules: group.rules.iter().enumerate().map(rule).collect(),
        custom_bodies: BTreeMap::new(),
        warnings: Vec::new(),
    }
}
