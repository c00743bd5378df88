//! Names that nothing has: services, actions and condition keys, checked against a catalog of what there is.
//!
//! Sources: Service Authorization Reference (as the catalog gives it); IAM User Guide, "AWS global condition context keys".

use crate::document::{Policy, PrincipalName, Spanned, Statement, Version};
use crate::error::{Code, Finding};
use crate::json::Position;
use crate::lint_resources::overlap;
use crate::pattern::{Pattern, Piece, Syntax, pieces};
use std::collections::{BTreeSet, HashMap};

/// What actions and condition keys there are.
pub trait ActionCatalog {
    /// The prefixes of all services that have actions.
    fn prefixes(&self) -> Vec<&str>;

    /// What is known of a service, by its prefix in lower case. `aws` has no actions and the global condition keys.
    fn service(&self, prefix: &str) -> Option<ServiceFacts<'_>>;

    /// Service principals that are known, such as `ec2.amazonaws.com`. No list of them all is published, so one that is not here may
    /// be right.
    fn service_principals(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// What is known of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts<'a> {
    /// Its actions.
    pub actions: Vec<ActionFacts<'a>>,
    /// All its condition keys, in the way of [`ActionFacts::keys`]; `None` where they are not known.
    pub keys: Option<Vec<&'a str>>,
}

/// What is known of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionFacts<'a> {
    /// Its name, without the prefix.
    pub name: &'a str,
    /// The condition keys it is asked with, besides the global ones. A part in `${…}` or `<…>` stands for any text.
    pub keys: Vec<&'a str>,
    /// The ARNs of the resource types it is about, with parts in `${…}`; none for an action that knows `*` only.
    pub resources: Vec<&'a str>,
}

/// Session keys of EC2's roles: they come with whatever an instance calls (EC2 User Guide, "Condition keys for IAM roles").
const OF_EVERY_ACTION: [&str; 2] = ["ec2:SourceInstanceARN", "ec2:RoleDelivery"];

/// How many unknown names are compared with the known ones, for what was meant.
const GUESSES_MAX: usize = 100;

/// How many letters what was meant may differ by, at most.
const DISTANCE_MAX: usize = 3;

/// The longest name that is guessed at; none there is is longer.
const GUESSED_LENGTH_MAX: usize = 100;

impl Policy {
    /// Which of its names nothing in `catalog` has, in the order of the text. All are warnings: the catalog may be older than AWS.
    pub fn check_names(&self, catalog: &dyn ActionCatalog) -> Vec<Finding> {
        let mut checker = Names {
            catalog,
            version: self.version,
            services: HashMap::new(),
            guesses_left: GUESSES_MAX,
            findings: Vec::new(),
        };
        for statement in &self.statements {
            checker.statement(statement);
        }
        checker.findings.sort_by_key(|finding| finding.at);
        checker.findings
    }
}

struct Names<'a> {
    catalog: &'a dyn ActionCatalog,
    version: Version,
    services: HashMap<String, Option<ServiceFacts<'a>>>,
    guesses_left: usize,
    findings: Vec<Finding>,
}

impl<'a> Names<'a> {
    fn service(&mut self, prefix: &str) -> Option<&ServiceFacts<'a>> {
        let prefix = prefix.to_ascii_lowercase();
        let catalog = self.catalog;
        let of = |prefix: &String| catalog.service(prefix);
        self.services.entry(prefix).or_insert_with_key(of).as_ref()
    }

    fn statement(&mut self, statement: &Statement) {
        for action in statement.action.iter().flat_map(|element| &element.list) {
            self.action(action);
        }
        self.principals(statement);
        self.resources(statement);
        for entry in &statement.conditions {
            entry.values.iter().for_each(|value| self.variables(value));
        }
        if statement.conditions.is_empty() {
            return;
        }
        let keys = self.keys_of(statement);
        for entry in &statement.conditions {
            self.key(&entry.key, keys.as_deref());
        }
    }

    fn action(&mut self, action: &Spanned<String>) {
        let text = action.value.as_str();
        // What is not SERVICE:NAME is told elsewhere.
        let Some((prefix, name)) = text.split_once(':') else {
            return;
        };
        let has_wildcard = |text: &str| text.contains(['*', '?']);
        if has_wildcard(prefix) {
            return;
        }
        let known: Vec<&'a str> = match self.service(prefix).filter(|s| !s.actions.is_empty()) {
            Some(service) => service.actions.iter().map(|action| action.name).collect(),
            None => {
                let prefixes = self.catalog.prefixes();
                let meant = self.meant(prefix, &prefixes);
                let message = format!("{text:?}: no service has the prefix {prefix}{meant}");
                return self.report(Code::UnknownService, action, message);
            }
        };
        let pattern = name_pattern(name);
        if known
            .iter()
            .any(|name| pattern.matches_ignoring_ascii_case(name))
        {
            return;
        }
        if has_wildcard(name) {
            let message = format!("{text:?} matches no action of {prefix}");
            return self.report(Code::ActionMatchesNothing, action, message);
        }
        let meant = self.meant(name, &known);
        let message = format!("{prefix} has no action {name}{meant}");
        self.report(Code::UnknownAction, action, message);
    }

    /// The statement's actions; `None` if not all of them are known with what they are about.
    fn actions_of(&mut self, statement: &Statement) -> Option<Vec<ActionFacts<'a>>> {
        let element = statement
            .action
            .as_ref()
            .filter(|element| !element.negated)?;
        let mut actions = Vec::new();
        for action in &element.list {
            let (prefix, name) = action.value.split_once(':')?;
            let service = self.service(prefix)?;
            service.keys.as_ref()?;
            let pattern = name_pattern(name);
            let before = actions.len();
            let all = service.actions.iter();
            let matched = all.filter(|action| pattern.matches_ignoring_ascii_case(action.name));
            actions.extend(matched.cloned());
            if actions.len() == before {
                return None;
            }
        }
        Some(actions)
    }

    /// Resources that are of none of the types that the statement's actions are about.
    fn resources(&mut self, statement: &Statement) {
        let element = statement.resource.as_ref();
        for text in element.iter().flat_map(|element| &element.list) {
            self.variables(text);
        }
        let Some(element) = element.filter(|element| !element.negated) else {
            return;
        };
        if element.list.iter().all(|text| text.value == "*") {
            return;
        }
        let Some(actions) = self.actions_of(statement) else {
            return;
        };
        let types: BTreeSet<&str> = actions
            .iter()
            .flat_map(|action| action.resources.iter().copied())
            .collect();
        for text in element.list.iter().filter(|text| text.value != "*") {
            if !types.iter().any(|known| overlap(&text.value, known)) {
                let message = if types.is_empty() {
                    format!(
                        "{:?}: the actions of this statement know the resource \"*\" only",
                        text.value
                    )
                } else {
                    format!(
                        "{:?}: no action of this statement is about such a resource",
                        text.value
                    )
                };
                self.report(Code::ResourceOfOtherActions, text, message);
            }
        }
    }

    /// Service principals that are nearly one that is known, or are not of the form of one.
    fn principals(&mut self, statement: &Statement) {
        let named = statement.principal.iter();
        for name in named.flat_map(|element| &element.list) {
            let PrincipalName::Service(text) = &name.value else {
                continue;
            };
            let Some(label) = service_label(text) else {
                let message = format!("{text} is no service principal: write NAME.amazonaws.com");
                self.report_at(Code::UnknownServicePrincipal, name.at, message);
                continue;
            };
            let catalog = self.catalog;
            let mut known: Vec<&str> = catalog
                .service_principals()
                .into_iter()
                .filter_map(service_label)
                .collect();
            known.extend(catalog.prefixes());
            if label == "*" || known.contains(&label) {
                continue;
            }
            let meant = self.meant(label, &known);
            if !meant.is_empty() {
                let message = format!("no service principal {text} is known{meant}");
                self.report_at(Code::UnknownServicePrincipal, name.at, message);
            }
        }
    }

    /// Variables that no condition key has the name of.
    fn variables(&mut self, text: &Spanned<String>) {
        let syntax = Syntax {
            wildcards: true,
            variables: true,
        };
        if self.version != Version::V2012 || !text.value.contains("${") {
            return;
        }
        for piece in pieces(&text.value, syntax) {
            let Piece::Variable { key, .. } = piece else {
                continue;
            };
            let name = key.name();
            let prefix = name.split(':').next().unwrap_or_default();
            let known = self.service(prefix).map(|service| service.keys.clone());
            let known = match known {
                Some(Some(known)) => known,
                // Of other services' keys nothing is known, nor of identity providers'.
                Some(None) => continue,
                None if prefix.contains('.') || !name.contains(':') => continue,
                None => self
                    .service("aws")
                    .and_then(|service| service.keys.clone())
                    .unwrap_or_default(),
            };
            if known.iter().any(|known| is_key(known, name)) {
                continue;
            }
            let meant = self.meant(name, &known);
            let message = format!("${{{name}}}: there is no condition key {name}{meant}");
            self.report(Code::UnknownVariable, text, message);
        }
    }

    /// The condition keys that the statement's actions are asked with; `None` if not all of them are known.
    fn keys_of(&mut self, statement: &Statement) -> Option<Vec<&'a str>> {
        let actions = self.actions_of(statement)?;
        Some(actions.into_iter().flat_map(|action| action.keys).collect())
    }

    /// `of_actions`: the keys of the statement's actions, where all are known.
    fn key(&mut self, key: &Spanned<String>, of_actions: Option<&[&'a str]>) {
        let text = key.value.as_str();
        // Of other services' keys nothing is known, nor of identity providers'.
        let prefix = text.split(':').next().unwrap_or_default();
        let Some(known) = self
            .service(prefix)
            .and_then(|service| service.keys.clone())
        else {
            return;
        };
        if !known.iter().any(|known| is_key(known, text)) {
            let meant = self.meant(text, &known);
            return self.report(
                Code::UnknownConditionKey,
                key,
                format!("there is no condition key {text}{meant}"),
            );
        }
        let is_everywhere = prefix.eq_ignore_ascii_case("aws")
            || OF_EVERY_ACTION.iter().any(|known| is_key(known, text));
        if let Some(of_actions) = of_actions
            && !is_everywhere
            && !of_actions.iter().any(|known| is_key(known, text))
        {
            let message =
                format!("no action of this statement is asked with the condition key {text}");
            self.report(Code::KeyOfOtherActions, key, message);
        }
    }

    fn report(&mut self, code: Code, at: &Spanned<String>, message: String) {
        self.report_at(code, at.at, message);
    }

    fn report_at(&mut self, code: Code, at: Position, message: String) {
        self.findings.push(Finding::new(code, at, message));
    }

    /// `; did you mean X?`, for the known name that is nearest, if one is near.
    fn meant(&mut self, name: &str, known: &[&str]) -> String {
        if self.guesses_left == 0 || name.len() > GUESSED_LENGTH_MAX {
            return String::new();
        }
        self.guesses_left -= 1;
        let near = |known: &&str| known.len().abs_diff(name.len()) <= DISTANCE_MAX;
        // A short name is near to any other.
        let distance_max = DISTANCE_MAX.min(name.len() / 3);
        let nearest = known
            .iter()
            .copied()
            .filter(near)
            .map(|known| (distance(known, name), known))
            .min()
            .filter(|(distance, _)| *distance <= distance_max);
        nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
    }
}

/// What a service principal calls the service by: its name without the domain and a Region.
fn service_label(principal: &str) -> Option<&str> {
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".aws.internal"];
    let mut stems = domains.iter();
    let stem = stems.find_map(|domain| principal.strip_suffix(domain))?;
    let label = match stem.rsplit_once('.') {
        Some((label, last)) if is_region(last) => label,
        _ => stem,
    };
    (!label.is_empty()).then_some(label)
}

/// `eu-west-1`, by its form.
fn is_region(text: &str) -> bool {
    let number = text.rsplit('-').next().unwrap_or_default();
    text.matches('-').count() >= 2
        && number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn name_pattern(name: &str) -> Pattern {
    let syntax = Syntax {
        wildcards: true,
        variables: false,
    };
    Pattern::new(&name.to_ascii_lowercase(), syntax)
}

/// Whether `text` is the key `known`, which may have a part that stands for any text.
fn is_key(known: &str, text: &str) -> bool {
    match known.find("${").or_else(|| known.find('<')) {
        Some(end) => {
            let stem = &known[..end];
            text.len() > end
                && text
                    .get(..end)
                    .is_some_and(|head| head.eq_ignore_ascii_case(stem))
        }
        None => known.eq_ignore_ascii_case(text),
    }
}

/// How many letters two names differ by: inserted, left out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<u8> = other.to_ascii_lowercase().into_bytes();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_ascii_lowercase().bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            left = (diagonal + usize::from(a != *b))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("GetObject", "getobject", 0),
            ("GetObject", "GetObjet", 1),
            ("GetObject", "GetObjects", 1),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_service_principal_has_a_domain_and_perhaps_a_region() {
        assert_eq!(service_label("ec2.amazonaws.com"), Some("ec2"));
        assert_eq!(service_label("logs.eu-west-1.amazonaws.com"), Some("logs"));
        assert_eq!(service_label("pods.eks.amazonaws.com"), Some("pods.eks"));
        assert_eq!(service_label("ec2.amazon.com"), None);
        assert_eq!(service_label(".amazonaws.com"), None);
    }

    #[test]
    fn a_key_with_a_part_of_its_own_has_that_part() {
        assert!(is_key("aws:RequestTag/${TagKey}", "aws:requesttag/team"));
        assert!(!is_key("aws:RequestTag/${TagKey}", "aws:RequestTag/"));
        assert!(is_key(
            "s3:ExistingObjectTag/<key>",
            "s3:ExistingObjectTag/a"
        ));
        assert!(!is_key("s3:prefix", "s3:prefixes"));
    }
}
