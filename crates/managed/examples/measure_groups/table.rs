//! The classes, the groups each is asked of, and what comes of it.

use std::path::Path;

use palisade_managed::{Listener, groups, web_acl};
use palisade_waf::detect::Environment;
use palisade_waf::{Acl, BodyInspection, Decision, Verdict};

use super::corpus::{self, held_out};
use super::request::Case;
use super::{mutate, ordinary, suites};

/// Requests with the groups that must block them, or must not.
pub struct Class {
    pub name: String,
    pub attack: bool,
    /// Short names of groups.
    pub groups: &'static [&'static str],
    pub cases: Vec<Case>,
}

/// What `palisade waf serve` takes where nothing else is said.
pub const DEFAULTS: &[&str] = &["common", "sqli", "knownbadinputs"];
/// All of them.
const ALL: &[&str] = &[
    "common",
    "admin",
    "knownbadinputs",
    "sqli",
    "linux",
    "unix",
    "windows",
    "php",
    "wordpress",
];
/// Rules that do what AWS documents about sizes, names of files and clients: they say nothing of detection.
const DOCUMENTED: [&str; 10] = [
    "NoUserAgent_HEADER",
    "UserAgent_BadBots_HEADER",
    "SizeRestrictions_QUERYSTRING",
    "SizeRestrictions_Cookie_HEADER",
    "SizeRestrictions_BODY",
    "SizeRestrictions_URIPATH",
    "RestrictedExtensions_URIPATH",
    "RestrictedExtensions_QUERYARGUMENTS",
    "Host_localhost_HEADER",
    "AdminProtection_URIPATH",
];

pub fn acl(names: &[&str]) -> Acl {
    let listener = Listener {
        loopback: true,
        whole_body: true,
    };
    let managed = web_acl(names, listener).expect("these groups exist");
    let environment = Environment {
        managed: Some(groups()),
        ..Environment::default()
    };
    Acl::compile(
        &managed.document,
        &environment,
        BodyInspection::Bytes(1 << 19),
    )
    .expect("managed groups compile")
}

/// The rule of a group that blocks a request, as `Group#Rule`.
pub fn blocking_rule(decision: &Decision) -> Option<String> {
    if !matches!(decision.verdict, Verdict::Block(_)) {
        return None;
    }
    let named = decision.groups.iter().find_map(|group| {
        let (rule, _) = group.terminating.as_ref()?;
        Some(format!("{}#{rule}", group.group))
    });
    Some(named.unwrap_or_default())
}

fn documented(rule: &str) -> bool {
    DOCUMENTED
        .iter()
        .any(|name| rule.ends_with(&format!("#{name}")))
}

/// All classes, the attacks first.
pub fn classes(folder: &Path, source_max: usize) -> Vec<Class> {
    let mut classes = attacks(folder);
    classes.extend(ordinary_classes(source_max));
    classes
}

/// Caught payloads, written in other ways: of each class every so manieth, since each is written in seven ways.
fn mutated(values: &[(String, Vec<Vec<u8>>)]) -> Class {
    let acl = acl(DEFAULTS);
    let mut cases = Vec::new();
    for (name, values) in values {
        let caught =
            |value: &&Vec<u8>| blocking_rule(&Case::argument(value).decide(&acl)).is_some();
        let own = if name.ends_with("sqli") {
            mutate::SQL
        } else {
            mutate::MARKUP
        };
        for value in values.iter().step_by(7).filter(caught) {
            let ways = mutate::MUTATIONS.iter().chain(own);
            cases.extend(ways.map(|(_, write)| write(value)));
        }
    }
    Class {
        name: "mutated: case, comment, white space, double encoding, Unicode, JSON, multipart"
            .to_owned(),
        attack: true,
        groups: DEFAULTS,
        cases,
    }
}

/// The attacks, and what only looks like them.
pub fn attacks(folder: &Path) -> Vec<Class> {
    let mut classes = Vec::new();
    let mut caught = Vec::new();
    for values in corpus::attacks(folder) {
        if !values.name.starts_with("httpparams") && !values.name.starts_with("libinjection") {
            continue;
        }
        if values.name.ends_with("sqli") || values.name.ends_with("xss") {
            caught.push((values.name.clone(), values.values.clone()));
        }
        classes.push(Class {
            groups: if values.name.ends_with("cmdi") {
                ALL
            } else {
                DEFAULTS
            },
            attack: values.attack,
            cases: values
                .values
                .iter()
                .map(|value| Case::argument(value))
                .collect(),
            name: values.name,
        });
    }
    classes.push(Class {
        name: "gotestwaf, every place and encoder".to_owned(),
        attack: true,
        groups: DEFAULTS,
        cases: suites::gotestwaf(folder),
    });
    for (family, cases) in suites::crs(folder) {
        let groups: &[&str] = match family {
            930 | 931 => &["common", "linux"],
            932 => &["palisade", "unix", "windows"],
            933 => &["palisade", "php"],
            942 => &["palisade", "sqli"],
            944 => &["palisade", "knownbadinputs"],
            _ => &["common"],
        };
        classes.push(Class {
            name: format!("crs {family}"),
            attack: true,
            groups,
            cases,
        });
    }
    classes.push(mutated(&caught));
    classes
}

/// Ordinary requests, asked of all groups.
pub fn ordinary_classes(source_max: usize) -> Vec<Class> {
    let class = |(name, cases): (String, Vec<Case>)| Class {
        name,
        attack: false,
        groups: ALL,
        cases,
    };
    ordinary::classes(source_max)
        .into_iter()
        .map(class)
        .collect()
}

/// Requests and blocked ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Side {
    pub all: usize,
    pub blocked: usize,
}

/// What comes of a class.
#[derive(Debug, Default)]
pub struct Row {
    pub tuned: Side,
    pub held: Side,
    /// Blocks of ordinary requests that AWS documents.
    pub documented: usize,
    /// What went wrong in the tuned thirds, with the rule where there is one.
    pub shown: Vec<(Vec<u8>, String)>,
}

impl Class {
    pub fn measure(&self) -> Row {
        let acl = acl(self.groups);
        let mut row = Row::default();
        for case in &self.cases {
            let mut rule = blocking_rule(&case.decide(&acl));
            if !self.attack && rule.as_deref().is_some_and(documented) {
                row.documented += 1;
                rule = None;
            }
            let held = held_out(&case.value) && !self.name.contains("own list");
            let side = if held { &mut row.held } else { &mut row.tuned };
            side.all += 1;
            side.blocked += usize::from(rule.is_some());
            if !held && rule.is_some() != self.attack {
                row.shown
                    .push((case.value.clone(), rule.unwrap_or_else(|| "-".to_owned())));
            }
        }
        row
    }
}

impl Row {
    /// A line of the table.
    pub fn line(&self, class: &Class) -> String {
        let figure = |side: Side| match side {
            Side { all: 0, .. } => "-".to_owned(),
            Side { all, blocked } if class.attack => format!(
                "{:.2} % ({} missed)",
                100.0 * blocked as f64 / all as f64,
                all - blocked
            ),
            Side { all, blocked } => format!("{blocked} of {all}"),
        };
        let apart = match self.documented {
            0 => String::new(),
            count => format!(" (and {count} by rules on sizes, names and clients)"),
        };
        format!(
            "| {}{apart} | {} | {} | {} |",
            class.name,
            class.cases.len(),
            figure(self.tuned),
            figure(self.held)
        )
    }
}
