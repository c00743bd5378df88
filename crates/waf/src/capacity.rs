//! Capacity units (WCU), from the table `data/wcu.json`, and the quotas of an ACL.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::detect::Environment;
use crate::error::Error;
use crate::extract::Source;
use crate::model::{Rule, RuleGroup};
use crate::parse::Document;
use crate::statement::{
    Aggregate, Field, ForwardedPosition, Inspected, ManagedReference, Position, RateKey,
    Sensitivity, Statement,
};
use crate::transform::{PreParse, Transformation};

/// References to sets and groups in an ACL or group, at most.
const REFERENCES_MAX: usize = 50;
/// Rate-based rules of an ACL, at most.
const ACL_RATES_MAX: usize = 10;
/// Rate-based rules of a group, at most.
const GROUP_RATES_MAX: usize = 4;

/// The capacity of an ACL: its own rules', and its groups' as they declare it.
pub(crate) fn of_acl(document: &Document, environment: &Environment) -> Result<u64, Error> {
    let Some(acl) = &document.web_acl else {
        return Err(Error::NotADocument("there is no web ACL".to_owned()));
    };
    let mut cost = Cost::default();
    for rule in &acl.rules {
        match &rule.statement {
            Statement::RuleGroup(reference) => {
                let group = document.rule_groups.get(&reference.arn);
                cost.units += group
                    .ok_or_else(|| Error::Missing("rule group", reference.arn.clone()))?
                    .capacity;
            }
            Statement::ManagedRuleGroup(reference) => {
                cost.units += managed(environment, reference)?.capacity;
                cost.optional(reference.scope_down.as_ref());
            }
            _ => cost.rule(rule),
        }
    }
    Ok(cost.total())
}

/// The capacity of the rules of a group: what the group must at least declare.
pub fn of_rules(rules: &[Rule]) -> u64 {
    let mut cost = Cost::default();
    rules.iter().for_each(|rule| cost.rule(rule));
    cost.total()
}

/// The capacity of each rule alone, with its name; a reference to a group of the document, or to a managed one, counts as that
/// declares.
pub fn by_rule<'r>(
    document: &Document,
    environment: &Environment,
    rules: &'r [Rule],
) -> Vec<(&'r str, u64)> {
    let units = |rule: &Rule| match &rule.statement {
        Statement::RuleGroup(reference) => document
            .rule_groups
            .get(&reference.arn)
            .map_or(0, |group| group.capacity),
        Statement::ManagedRuleGroup(reference) => {
            let declared = managed(environment, reference).map_or(0, |group| group.capacity);
            let mut cost = Cost::default();
            cost.optional(reference.scope_down.as_ref());
            declared + cost.total()
        }
        _ => of_rules(std::slice::from_ref(rule)),
    };
    rules
        .iter()
        .map(|rule| (rule.name.as_str(), units(rule)))
        .collect()
}

/// The managed group that is referred to; the one place where its absence is told.
pub(crate) fn managed(
    environment: &Environment,
    reference: &ManagedReference,
) -> Result<Arc<RuleGroup>, Error> {
    let ManagedReference {
        vendor,
        name,
        version,
        ..
    } = reference;
    let group = environment
        .managed
        .as_ref()
        .and_then(|groups| groups.find(vendor, name, version.as_deref()));
    let version = version
        .as_ref()
        .map_or(String::new(), |version| format!(" {version}"));
    group.ok_or_else(|| Error::Missing("managed rule group", format!("{vendor} {name}{version}")))
}

/// Checks the quotas of the document's ACL and groups.
pub(crate) fn check_quotas(document: &Document, capacity: u64) -> Result<(), Error> {
    let over =
        |what: &str, have: u64, most: u64| Error::Limit(format!("{what}: {have}, at most {most}."));
    if capacity > unit("acl_max") {
        return Err(over(
            "Capacity units of the web ACL",
            capacity,
            unit("acl_max"),
        ));
    }
    let acl = document
        .web_acl
        .iter()
        .map(|acl| (&acl.name, &acl.rules, ACL_RATES_MAX));
    let groups = document
        .rule_groups
        .values()
        .map(|group| (&group.name, &group.rules, GROUP_RATES_MAX));
    for (name, rules, rates_max) in acl.chain(groups) {
        let rates = rules
            .iter()
            .filter(|rule| matches!(rule.statement, Statement::RateBased(_)))
            .count();
        if rates > rates_max {
            return Err(over(
                &format!("Rate-based rules of {name}"),
                rates as u64,
                rates_max as u64,
            ));
        }
        let references: usize = rules.iter().map(|rule| references(&rule.statement)).sum();
        if references > REFERENCES_MAX {
            return Err(over(
                &format!("References of {name}"),
                references as u64,
                REFERENCES_MAX as u64,
            ));
        }
    }
    for group in document.rule_groups.values() {
        let needed = of_rules(&group.rules);
        if needed > group.capacity {
            return Err(over(
                &format!("Capacity units of {}", group.name),
                needed,
                group.capacity,
            ));
        }
    }
    Ok(())
}

fn references(statement: &Statement) -> usize {
    match statement {
        Statement::RegexSet(..) | Statement::IpSet(..) | Statement::RuleGroup(_) => 1,
        Statement::And(parts) | Statement::Or(parts) => parts.iter().map(references).sum(),
        Statement::Not(part) => references(part),
        Statement::RateBased(rate) => rate.scope_down.as_ref().map_or(0, references),
        Statement::ManagedRuleGroup(group) => group.scope_down.as_ref().map_or(0, references),
        _ => 0,
    }
}

/// The units of this name in the table.
fn unit(name: &str) -> u64 {
    static TABLE: OnceLock<BTreeMap<String, u64>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let read: serde_json::Value =
            serde_json::from_str(include_str!("../data/wcu.json")).unwrap_or_default();
        let units = read.as_object().into_iter().flatten();
        units
            .filter_map(|(name, units)| Some((name.clone(), units.as_u64()?)))
            .collect()
    });
    table.get(name).copied().unwrap_or(0)
}

#[derive(Default)]
struct Cost {
    units: u64,
    labels: u64,
    /// Transformations of fields that were counted.
    transformed: HashSet<(Source, Transformation)>,
    prepared: HashSet<(Source, PreParse)>,
}

impl Cost {
    fn total(&self) -> u64 {
        self.units + self.labels / unit("labels_per_unit").max(1)
    }

    fn rule(&mut self, rule: &Rule) {
        self.labels += rule.labels.len() as u64;
        self.statement(&rule.statement);
    }

    fn optional(&mut self, statement: Option<&Statement>) {
        if let Some(statement) = statement {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let base = |variant: &str| match unit(&format!("{}/{variant}", statement.name())) {
            0 => unit(statement.name()),
            units => units,
        };
        match statement {
            Statement::And(parts) | Statement::Or(parts) => {
                parts.iter().for_each(|part| self.statement(part))
            }
            Statement::Not(part) => self.statement(part),
            Statement::ByteMatch(inspected, position, _) => {
                self.inspected(inspected, base(Position::name(*position)))
            }
            Statement::SqliMatch(inspected, level) => {
                self.inspected(inspected, base(Sensitivity::name(*level)))
            }
            Statement::XssMatch(inspected)
            | Statement::SizeConstraint(inspected, ..)
            | Statement::RegexMatch(inspected, _)
            | Statement::RegexSet(inspected, _)
            | Statement::Detect(inspected, _) => self.inspected(inspected, base("")),
            Statement::IpSet(_, forwarded) => {
                let position = forwarded
                    .as_ref()
                    .map_or("", |(_, position)| ForwardedPosition::name(*position));
                self.units += base(position);
            }
            Statement::RateBased(rate) => {
                self.units += base("");
                self.optional(rate.scope_down.as_ref());
                if let Aggregate::Custom(keys) = &rate.aggregate {
                    keys.iter().for_each(|key| self.key(key));
                }
            }
            Statement::GeoMatch(..) | Statement::AsnMatch(..) | Statement::LabelMatch(..) => {
                self.units += base("")
            }
            Statement::RuleGroup(_) | Statement::ManagedRuleGroup(_) => {}
        }
    }

    fn inspected(&mut self, inspected: &Inspected, base: u64) {
        let source = Source::of(&inspected.field, &inspected.pre_parse);
        self.units += match inspected.field {
            Field::JsonBody(_) => base * unit("JsonBody_factor"),
            Field::AllQueryArguments => base + unit("AllQueryArguments"),
            _ => base,
        };
        for kind in &inspected.pre_parse {
            if self.prepared.insert((source.clone(), *kind)) {
                self.units += unit("transformation");
            }
        }
        self.transformations(&source, &inspected.transformations);
    }

    fn transformations(&mut self, source: &Source, chain: &[Transformation]) {
        for kind in chain {
            if self.transformed.insert((source.clone(), *kind)) {
                self.units += unit("transformation");
            }
        }
    }

    fn key(&mut self, key: &RateKey) {
        self.units += unit("custom_key");
        match key {
            RateKey::Header(name, chain) => {
                self.transformations(&Source::Header(name.clone()), chain)
            }
            RateKey::QueryArgument(name, chain) => {
                self.transformations(&Source::Argument(name.clone(), Vec::new()), chain)
            }
            RateKey::QueryString(chain) => self.transformations(&Source::QueryString, chain),
            RateKey::UriPath(chain) => self.transformations(&Source::UriPath, chain),
            RateKey::Cookie(name, chain) => {
                let selection = crate::statement::Selection::Included(vec![name.clone()]);
                self.transformations(
                    &Source::Cookies(selection, crate::statement::Scope::Value),
                    chain,
                );
            }
            _ => {}
        }
    }
}
