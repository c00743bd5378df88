//! From a document to an [`Acl`].

use std::collections::HashMap;
use std::sync::Arc;

use super::matcher::Sought;
use super::node::{LabelMatch, Match, Node, Test};
use super::plan::Planner;
use super::{
    Acl, BodyInspection, CompiledAggregate, CompiledRule, Condition, Group, GroupRule, Kind,
    RateRule, is_count,
};
use crate::capacity;
use crate::detect::{Detector, Environment};
use crate::error::Error;
use crate::ip::IpRanges;
use crate::model::{Action, CustomBody, Rule, RuleAction, RuleGroup};
use crate::parse::Document;
use crate::statement::{
    Aggregate, Fallback, Field, Inspected, Overrides, Oversize, Position, RateBased, RateKey,
    Sensitivity, Statement,
};

/// Bytes of a body that are inspected, at most, whoever asks for how many.
const BODY_BYTES_MAX: usize = 1 << 20;

pub(super) fn acl(
    document: &Document,
    environment: &Environment,
    body: BodyInspection,
) -> Result<Acl, Error> {
    let Some(acl) = &document.web_acl else {
        return Err(Error::NotADocument("there is no web ACL".to_owned()));
    };
    let capacity = capacity::of_acl(document, environment)?;
    capacity::check_quotas(document, capacity)?;
    let mut compiler = Compiler {
        document,
        environment,
        planner: Planner::default(),
        rates: Vec::new(),
        ip_sets: HashMap::new(),
        warnings: acl.warnings.clone(),
    };
    check_bodies(
        acl.rules
            .iter()
            .flat_map(own_action)
            .chain([&acl.default_action]),
        &acl.custom_bodies,
    )?;
    let rules = acl
        .rules
        .iter()
        .map(|rule| compiler.rule(rule, &acl.label_namespace))
        .collect::<Result<_, _>>()?;
    let body_limit = match body {
        BodyInspection::Aws(resource) => acl
            .body_limits
            .get(&resource)
            .copied()
            .unwrap_or(resource.default_body_limit_bytes()),
        BodyInspection::Bytes(bytes) => bytes.min(BODY_BYTES_MAX),
    };
    let Compiler {
        planner,
        rates,
        warnings,
        ..
    } = compiler;
    Ok(Acl {
        plan: planner.finish().map_err(Error::Limit)?,
        rules,
        default_action: acl.default_action.clone(),
        custom_bodies: Arc::new(acl.custom_bodies.clone()),
        immunity: acl.immunity,
        body_limit,
        origins: environment.origins.clone(),
        rate_rules: rates,
        warnings,
        capacity,
    })
}

struct Compiler<'d> {
    document: &'d Document,
    environment: &'d Environment,
    planner: Planner,
    rates: Vec<RateRule>,
    ip_sets: HashMap<String, Arc<IpRanges>>,
    warnings: Vec<String>,
}

impl Compiler<'_> {
    fn rule(&mut self, rule: &Rule, namespace: &str) -> Result<CompiledRule, Error> {
        let kind = match (&rule.statement, &rule.action) {
            (Statement::RuleGroup(reference), action) => {
                let Some(group) = self.document.rule_groups.get(&reference.arn) else {
                    return Err(Error::Missing("rule group", reference.arn.clone()));
                };
                self.check_override_names(rule, group, &reference.overrides, false)?;
                Kind::Group {
                    scope_down: None,
                    group: self.group(group, &reference.overrides)?,
                    count: is_count(action),
                }
            }
            (Statement::ManagedRuleGroup(reference), action) => {
                let group = capacity::managed(self.environment, reference)?;
                self.check_override_names(rule, &group, &reference.overrides, true)?;
                let scope_down = self.optional_node(reference.scope_down.as_ref(), namespace)?;
                Kind::Group {
                    scope_down,
                    group: self.group(&group, &reference.overrides)?,
                    count: is_count(action),
                }
            }
            (statement, RuleAction::Own(action)) => Kind::Plain {
                condition: self.condition(statement, namespace)?,
                action: action.clone(),
            },
            _ => {
                return Err(Error::invalid(
                    "RULE_ACTION",
                    &rule.name,
                    "This rule needs Action and must not have OverrideAction.",
                ));
            }
        };
        let labels = rule
            .labels
            .iter()
            .map(|label| format!("{namespace}{label}"))
            .collect();
        Ok(CompiledRule {
            name: rule.name.as_str().into(),
            labels,
            immunity: rule.immunity,
            kind,
        })
    }

    /// AWS ignores unknown names with managed groups, and refuses them with customers' own.
    fn check_override_names(
        &mut self,
        rule: &Rule,
        group: &RuleGroup,
        overrides: &Overrides,
        managed: bool,
    ) -> Result<(), Error> {
        let names = overrides
            .excluded
            .iter()
            .chain(overrides.actions.iter().map(|(name, _)| name));
        for name in names.filter(|name| group.rules.iter().all(|rule| rule.name != **name)) {
            let text = format!("{} has no rule {name}", group.id);
            if !managed {
                return Err(Error::invalid("RULE_ACTION", &rule.name, text));
            }
            self.warnings.push(format!(
                "rule {}: {text}; its override does nothing",
                rule.name
            ));
        }
        Ok(())
    }

    fn group(&mut self, group: &RuleGroup, overrides: &Overrides) -> Result<Group, Error> {
        self.warnings.extend(
            group
                .warnings
                .iter()
                .map(|warning| format!("{}: {warning}", group.id)),
        );
        check_bodies(
            group.rules.iter().flat_map(own_action),
            &group.custom_bodies,
        )?;
        let rules = group
            .rules
            .iter()
            .map(|rule| self.group_rule(rule, group, overrides))
            .collect::<Result<_, _>>()?;
        Ok(Group {
            id: group.id.as_str().into(),
            rules,
            custom_bodies: Arc::new(group.custom_bodies.clone()),
        })
    }

    fn group_rule(
        &mut self,
        rule: &Rule,
        group: &RuleGroup,
        overrides: &Overrides,
    ) -> Result<GroupRule, Error> {
        let RuleAction::Own(own) = &rule.action else {
            return Err(Error::invalid(
                "RULE_ACTION",
                &rule.name,
                "A rule of a group needs Action.",
            ));
        };
        let named = overrides
            .actions
            .iter()
            .find(|(name, _)| *name == rule.name)
            .map(|(_, action)| action.clone());
        let excluded = overrides
            .excluded
            .contains(&rule.name)
            .then(|| Action::Count(Vec::new()));
        let replaced = named.or(excluded);
        Ok(GroupRule {
            name: rule.name.as_str().into(),
            condition: self.condition(&rule.statement, &group.label_namespace)?,
            labels: rule
                .labels
                .iter()
                .map(|label| format!("{}{label}", group.label_namespace))
                .collect(),
            overridden: replaced.as_ref().map(|_| own.name()),
            action: replaced.unwrap_or_else(|| own.clone()),
            immunity: rule.immunity,
        })
    }

    fn condition(&mut self, statement: &Statement, namespace: &str) -> Result<Condition, Error> {
        match statement {
            Statement::RateBased(rate) => self.rate(rate, namespace).map(Condition::Rate),
            _ => self.node(statement, namespace).map(Condition::Statement),
        }
    }

    fn rate(&mut self, rate: &RateBased, namespace: &str) -> Result<usize, Error> {
        let scope_down = self.optional_node(rate.scope_down.as_ref(), namespace)?;
        let aggregate = match &rate.aggregate {
            Aggregate::Custom(keys) => {
                let with_lane = |key: &RateKey| Ok((key.clone(), self.key_lane(key)?));
                CompiledAggregate::Custom(keys.iter().map(with_lane).collect::<Result<_, Error>>()?)
            }
            plain => CompiledAggregate::Plain(plain.clone()),
        };
        self.rates.push(RateRule {
            statement: rate.clone(),
            scope_down,
            aggregate,
        });
        Ok(self.rates.len() - 1)
    }

    /// The lane that a custom key is taken from, if it is a field with transformations.
    fn key_lane(&mut self, key: &RateKey) -> Result<Option<usize>, Error> {
        let (field, transformations) = match key {
            RateKey::Header(name, chain) => (Field::SingleHeader(name.clone()), chain),
            RateKey::QueryArgument(name, chain) => {
                (Field::SingleQueryArgument(name.clone()), chain)
            }
            RateKey::QueryString(chain) => (Field::QueryString, chain),
            RateKey::UriPath(chain) => (Field::UriPath, chain),
            RateKey::Cookie(name, chain) => {
                let selection = crate::statement::Selection::Included(vec![name.clone()]);
                (
                    Field::Cookies(
                        selection,
                        crate::statement::Scope::Value,
                        Oversize::Continue,
                    ),
                    chain,
                )
            }
            RateKey::Asn => return self.origins("ASN").map(|()| None),
            _ => return Ok(None),
        };
        let inspected = Inspected {
            field,
            pre_parse: Vec::new(),
            transformations: transformations.clone(),
        };
        self.lane(&inspected).map(Some)
    }

    fn optional_node(
        &mut self,
        statement: Option<&Statement>,
        namespace: &str,
    ) -> Result<Option<Node>, Error> {
        statement
            .map(|statement| self.node(statement, namespace))
            .transpose()
    }

    fn node(&mut self, statement: &Statement, namespace: &str) -> Result<Node, Error> {
        let mut all = |statements: &[Statement]| {
            statements
                .iter()
                .map(|one| self.node(one, namespace))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match statement {
            Statement::And(statements) => Node::And(all(statements)?),
            Statement::Or(statements) => Node::Or(all(statements)?),
            Statement::Not(statement) => Node::Not(Box::new(self.node(statement, namespace)?)),
            Statement::IpSet(arn, forwarded) => Node::Ip(self.ip_set(arn)?, forwarded.clone()),
            Statement::GeoMatch(countries, forwarded) => {
                self.origins("GeoMatchStatement")?;
                Node::Geo(countries.clone(), forwarded.clone())
            }
            Statement::AsnMatch(numbers, forwarded) => {
                self.origins("AsnMatchStatement")?;
                Node::Asn(numbers.clone(), forwarded.clone())
            }
            Statement::LabelMatch(scope, key) => Node::Label(LabelMatch {
                scope: *scope,
                key: key.clone(),
                namespace: namespace.to_owned(),
            }),
            Statement::RateBased(_) | Statement::RuleGroup(_) | Statement::ManagedRuleGroup(_) => {
                return Err(Error::invalid(
                    "STATEMENT",
                    statement.name(),
                    format!("{} cannot stand here.", statement.name()),
                ));
            }
            Statement::ByteMatch(inspected, ..)
            | Statement::SqliMatch(inspected, _)
            | Statement::XssMatch(inspected)
            | Statement::SizeConstraint(inspected, ..)
            | Statement::RegexMatch(inspected, _)
            | Statement::RegexSet(inspected, _)
            | Statement::Detect(inspected, _) => {
                Node::Match(self.field_match(statement, inspected)?)
            }
        })
    }

    fn field_match(
        &mut self,
        statement: &Statement,
        inspected: &Inspected,
    ) -> Result<Match, Error> {
        let lane = self.lane(inspected)?;
        let mut what = format!("{} on {}", statement.name(), inspected.field.name());
        let test = match statement {
            Statement::ByteMatch(_, position, bytes) => {
                what = format!(
                    "{what}: {} \"{}\"",
                    position.name(),
                    crate::render::shown(bytes)
                );
                match position {
                    Position::Exactly => Test::Exactly(bytes.clone()),
                    Position::StartsWith => Test::StartsWith(bytes.clone()),
                    Position::EndsWith => Test::EndsWith(bytes.clone()),
                    Position::Contains => {
                        Test::Bits(vec![self.planner.seek(lane, Sought::Bytes(bytes.clone()))])
                    }
                    Position::ContainsWord => {
                        Test::Bits(vec![self.planner.seek(lane, Sought::Word(bytes.clone()))])
                    }
                }
            }
            Statement::SizeConstraint(_, comparison, size) => {
                what = format!("{what}: {} {size}", comparison.name());
                Test::Size(*comparison, *size)
            }
            Statement::RegexMatch(_, pattern) => {
                what = format!("{what}: {pattern}");
                Test::Bits(vec![
                    self.planner.seek(lane, Sought::Regex(pattern.clone())),
                ])
            }
            Statement::RegexSet(_, arn) => {
                let Some(set) = self.document.regex_sets.get(arn) else {
                    return Err(Error::Missing("regex pattern set", arn.clone()));
                };
                what = format!("{what}: {arn}");
                Test::Bits(
                    set.patterns
                        .iter()
                        .map(|pattern| self.planner.seek(lane, Sought::Regex(pattern.clone())))
                        .collect(),
                )
            }
            Statement::SqliMatch(_, level) => {
                let environment = self.environment;
                let detector = match level {
                    Sensitivity::Low => &environment.sqli_low,
                    Sensitivity::High => &environment.sqli_high,
                };
                self.detector(lane, detector.as_ref(), statement)?
            }
            Statement::XssMatch(_) => {
                self.detector(lane, self.environment.xss.as_ref(), statement)?
            }
            Statement::Detect(_, detector) => {
                what = format!("{what}: {}", detector.name());
                self.detector(lane, Some(detector), statement)?
            }
            _ => return Err(Error::NotImplemented(statement.name().to_owned())),
        };
        let (oversize, absent, invalid) = handling(&inspected.field);
        Ok(Match {
            lane,
            test,
            oversize,
            absent,
            invalid,
            what,
        })
    }

    fn detector(
        &mut self,
        lane: usize,
        detector: Option<&Arc<dyn Detector>>,
        statement: &Statement,
    ) -> Result<Test, Error> {
        let detector =
            detector.ok_or_else(|| Error::NotImplemented(statement.name().to_owned()))?;
        Ok(Test::Detector(self.planner.detect(lane, detector.clone())))
    }

    fn lane(&mut self, inspected: &Inspected) -> Result<usize, Error> {
        self.planner.lane(inspected).map_err(Error::Limit)
    }

    fn ip_set(&mut self, arn: &str) -> Result<Arc<IpRanges>, Error> {
        if let Some(set) = self.ip_sets.get(arn) {
            return Ok(set.clone());
        }
        let Some(set) = self.document.ip_sets.get(arn) else {
            return Err(Error::Missing("IP set", arn.to_owned()));
        };
        let ranges = Arc::new(IpRanges::new(&set.networks));
        self.ip_sets.insert(arn.to_owned(), ranges.clone());
        Ok(ranges)
    }

    fn origins(&self, what: &str) -> Result<(), Error> {
        match self.environment.origins {
            Some(_) => Ok(()),
            None => Err(Error::NotImplemented(format!(
                "{what} without data on where addresses come from"
            ))),
        }
    }
}

/// What a field says of being too long, missing or not valid.
fn handling(
    field: &Field,
) -> (
    Oversize,
    Fallback,
    Option<crate::statement::InvalidFallback>,
) {
    match field {
        Field::Body(oversize) | Field::HeaderOrder(oversize) | Field::Places(_, oversize) => {
            (*oversize, Fallback::NoMatch, None)
        }
        Field::Headers(_, _, oversize) | Field::Cookies(_, _, oversize) => {
            (*oversize, Fallback::NoMatch, None)
        }
        Field::JsonBody(json) => (json.oversize, Fallback::NoMatch, json.invalid),
        Field::Ja3(absent) | Field::Ja4(absent) | Field::UriFragment(absent) => {
            (Oversize::Continue, *absent, None)
        }
        _ => (Oversize::Continue, Fallback::NoMatch, None),
    }
}

fn own_action(rule: &Rule) -> Option<&Action> {
    match &rule.action {
        RuleAction::Own(action) => Some(action),
        _ => None,
    }
}

/// Every body that a custom response names has to be there.
fn check_bodies<'a>(
    actions: impl Iterator<Item = &'a Action>,
    bodies: &std::collections::BTreeMap<String, CustomBody>,
) -> Result<(), Error> {
    let key = |action: &'a Action| match action {
        Action::Block(Some(response)) => response.body_key.as_ref(),
        _ => None,
    };
    match actions
        .filter_map(key)
        .find(|key| !bodies.contains_key(*key))
    {
        Some(key) => Err(Error::invalid(
            "CUSTOM_RESPONSE_BODY",
            key,
            "There is no custom response body with this key.",
        )),
        None => Ok(()),
    }
}
