//! A web ACL made of nothing but managed groups: what `--managed` means.

use std::fmt;

use palisade_waf::Document;
use palisade_waf::model::{Action, Immunity, Rule, RuleAction, WebAcl};
use palisade_waf::statement::{ManagedReference, Overrides, Statement};

use crate::catalog::{Group, catalog};

/// What is known of who is asked, for rules that mean something else there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    /// It listens on a loopback address: a host named `localhost` is no wonder.
    pub loopback: bool,
    /// It inspects bodies whole: a long one hides nothing.
    pub whole_body: bool,
}

/// A web ACL of managed groups.
#[derive(Clone, Debug)]
pub struct Managed {
    /// The ACL, and nothing else.
    pub document: Document,
    /// What is different from the groups as AWS documents them, for people.
    pub notices: Vec<String>,
}

/// A name that is no group's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGroup(pub String);

impl fmt::Display for UnknownGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = catalog().iter().map(|group| group.short.as_str()).collect();
        write!(f, "{} is none of {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownGroup {}

/// The web ACL of these groups, by their short names, in this order; `common` brings Palisade's own group. Everything else is allowed.
///
/// # Errors
/// The first name that is no group's.
pub fn web_acl(names: &[&str], listener: Listener) -> Result<Managed, UnknownGroup> {
    let mut chosen: Vec<&Group> = Vec::new();
    for name in names {
        let group = named(name).ok_or_else(|| UnknownGroup((*name).to_owned()))?;
        let brought = named("palisade").filter(|_| group.short == "common");
        for group in [Some(group), brought].into_iter().flatten() {
            if !chosen.contains(&group) {
                chosen.push(group);
            }
        }
    }
    // Palisade's own group looks for everything: after the others, a rule with a better name has the word.
    chosen.sort_by_key(|group| group.short == "palisade");
    let mut notices = Vec::new();
    let rule = |(index, group): (usize, &&Group)| {
        let counted = counted(group, listener, &mut notices);
        Rule {
            name: format!("{}-{}", group.vendor, group.name),
            priority: index as u32,
            statement: Statement::ManagedRuleGroup(Box::new(ManagedReference {
                vendor: group.vendor.clone(),
                name: group.name.clone(),
                version: None,
                scope_down: None,
                overrides: Overrides {
                    excluded: Vec::new(),
                    actions: counted,
                },
                configs: Vec::new(),
            })),
            action: RuleAction::GroupNone,
            labels: Vec::new(),
            metric: format!("{}-{}", group.vendor, group.name),
            immunity: Immunity::default(),
        }
    };
    let rules = chosen.iter().enumerate().map(rule).collect();
    Ok(Managed {
        document: Document {
            web_acl: Some(acl(rules)),
            ..Document::default()
        },
        notices,
    })
}

fn named(short: &str) -> Option<&'static Group> {
    catalog().iter().find(|group| group.short == short)
}

/// Rules of the group that only count before this listener, each with its reason.
fn counted(group: &Group, listener: Listener, notices: &mut Vec<String>) -> Vec<(String, Action)> {
    let cases = [
        (
            listener.loopback,
            "Host_localhost_HEADER",
            "the listener is on a loopback address",
        ),
        (
            listener.whole_body,
            "SizeRestrictions_BODY",
            "bodies are inspected whole",
        ),
    ];
    let mut actions = Vec::new();
    for (applies, name, because) in cases {
        if applies && group.rules.iter().any(|rule| rule.name == name) {
            notices.push(format!("{name} only counts: {because}"));
            actions.push((name.to_owned(), Action::Count(Vec::new())));
        }
    }
    actions
}

fn acl(rules: Vec<Rule>) -> WebAcl {
    WebAcl {
        name: "managed".to_owned(),
        arn: None,
        label_namespace: "awswaf:000000000000:webacl:managed:".to_owned(),
        default_action: Action::Allow(Vec::new()),
        rules,
        custom_bodies: Default::default(),
        immunity: Immunity::default(),
        token_domains: Vec::new(),
        body_limits: Default::default(),
        warnings: Vec::new(),
    }
}
