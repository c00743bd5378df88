//! A second, slow engine: reads the ACL's JSON as it stands and does what the documentation says, one statement after the other.
//!
//! It shares no parser, transformation, matcher or evaluator with the crate; where the documentation leaves room, docs/waf.md decides
//! for both.

mod fields;
mod json;
mod transform;

pub use transform::{apply, prepare};

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use serde_json::Value;

use super::common::Sample;

/// What the naive engine says of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub action: String,
    pub rule: Option<String>,
    pub labels: Vec<String>,
    pub counted: Vec<String>,
}

/// Decides the request by the bundle's web ACL.
pub fn decide(bundle: &Value, sample: &Sample) -> Answer {
    let acl = &bundle["WebACL"];
    let mut rules: Vec<&Value> = acl["Rules"].as_array().unwrap().iter().collect();
    rules.sort_by_key(|rule| rule["Priority"].as_u64());
    let mut engine = Naive {
        bundle,
        sample,
        labels: Vec::new(),
        prefix: "awswaf:111122223333:webacl:test:".into(),
    };
    let mut answer = Answer {
        action: default_action(acl),
        rule: None,
        labels: Vec::new(),
        counted: Vec::new(),
    };
    for rule in rules {
        if !engine.holds(&rule["Statement"]).unwrap_or(false) {
            continue;
        }
        let labels = rule["RuleLabels"].as_array().into_iter().flatten();
        let labels: Vec<String> = labels
            .map(|label| format!("{}{}", engine.prefix, label["Name"].as_str().unwrap()))
            .collect();
        for label in labels {
            if !engine.labels.contains(&label) {
                engine.labels.push(label);
            }
        }
        let name = rule["Name"].as_str().unwrap().to_owned();
        match rule["Action"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap()
            .as_str()
        {
            "Count" => answer.counted.push(name),
            action => {
                answer.action = action.to_uppercase();
                answer.rule = Some(name);
                break;
            }
        }
    }
    answer.labels = engine.labels;
    answer
}

fn default_action(acl: &Value) -> String {
    acl["DefaultAction"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .to_uppercase()
}

struct Naive<'a> {
    bundle: &'a Value,
    sample: &'a Sample,
    labels: Vec<String>,
    prefix: String,
}

/// The rule does not apply: a forwarded address's header is missing.
struct NotApplied;

impl Naive<'_> {
    fn holds(&self, statement: &Value) -> Result<bool, NotApplied> {
        let (name, inner) = statement.as_object().unwrap().iter().next().unwrap();
        Ok(match name.as_str() {
            "AndStatement" => {
                for part in inner["Statements"].as_array().unwrap() {
                    if !self.holds(part)? {
                        return Ok(false);
                    }
                }
                true
            }
            "OrStatement" => {
                for part in inner["Statements"].as_array().unwrap() {
                    if self.holds(part)? {
                        return Ok(true);
                    }
                }
                false
            }
            "NotStatement" => !self.holds(&inner["Statement"])?,
            "LabelMatchStatement" => self.labels.iter().any(|label| self.label(inner, label)),
            "IPSetReferenceStatement" => self.address(inner)?,
            "ByteMatchStatement" => {
                let search = base64::engine::general_purpose::STANDARD
                    .decode(inner["SearchString"].as_str().unwrap())
                    .unwrap();
                let position = inner["PositionalConstraint"].as_str().unwrap().to_owned();
                self.any(inner, |value| bytes(&position, &search, value))
            }
            "SizeConstraintStatement" => {
                let (operator, size) = (
                    inner["ComparisonOperator"].as_str().unwrap(),
                    inner["Size"].as_u64().unwrap() as usize,
                );
                self.any(inner, |value| match operator {
                    "EQ" => value.len() == size,
                    "NE" => value.len() != size,
                    "LE" => value.len() <= size,
                    "LT" => value.len() < size,
                    "GE" => value.len() >= size,
                    _ => value.len() > size,
                })
            }
            "RegexMatchStatement" => {
                let regex = expression(inner["RegexString"].as_str().unwrap());
                self.any(inner, |value| regex.is_match(value))
            }
            "RegexPatternSetReferenceStatement" => {
                let set = &self.bundle["RegexPatternSets"][0]["RegularExpressionList"];
                let all: Vec<_> = set
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|entry| expression(entry["RegexString"].as_str().unwrap()))
                    .collect();
                self.any(inner, |value| all.iter().any(|regex| regex.is_match(value)))
            }
            other => panic!("the naive engine knows no {other}"),
        })
    }

    /// Whether a value of the field, transformed, is what is looked for; or what its options decide.
    fn any(&self, statement: &Value, is: impl Fn(&[u8]) -> bool) -> bool {
        let prepare = steps(&statement["PreParseTextTransformations"]);
        match fields::values(&statement["FieldToMatch"], self.sample, &prepare) {
            Err(decided) => decided,
            Ok(values) => {
                let chain = steps(&statement["TextTransformations"]);
                values.into_iter().any(|value| {
                    is(&chain
                        .iter()
                        .fold(value, |value, name| transform::apply(name, &value)))
                })
            }
        }
    }

    fn label(&self, statement: &Value, label: &str) -> bool {
        let (scope, key) = (
            statement["Scope"].as_str().unwrap(),
            statement["Key"].as_str().unwrap(),
        );
        let full = if key.starts_with("awswaf:") {
            String::new()
        } else {
            self.prefix.clone()
        };
        let Some(own) = label.strip_prefix(&full) else {
            return false;
        };
        let parts: Vec<&str> = own.split(':').collect();
        let wanted: Vec<&str> = key.trim_end_matches(':').split(':').collect();
        let (names, last) = (
            &parts[..parts.len() - 1],
            parts.len() - wanted.len().min(parts.len()),
        );
        match (scope, full.is_empty()) {
            ("LABEL", true) => own == key,
            ("LABEL", false) => parts[last..] == wanted[..],
            (_, true) => own.starts_with(&format!("{}:", key.trim_end_matches(':'))),
            (_, false) => names.windows(wanted.len()).any(|window| window == wanted),
        }
    }

    fn address(&self, statement: &Value) -> Result<bool, NotApplied> {
        let set = &self.bundle["IPSets"][0]["Addresses"];
        let networks: Vec<&str> = set
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        let within = |address: IpAddr| networks.iter().any(|network| in_network(network, address));
        let Some(config) = statement.get("IPSetForwardedIPConfig") else {
            return Ok(within(self.sample.client));
        };
        let name = config["HeaderName"].as_str().unwrap();
        let headers: Vec<&str> = self
            .sample
            .headers
            .iter()
            .filter(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        if headers.is_empty() {
            return Err(NotApplied);
        }
        let all: Vec<Option<IpAddr>> = headers
            .join(",")
            .split(',')
            .map(|text| text.trim().parse().ok())
            .collect();
        let fallback = config["FallbackBehavior"] == "MATCH";
        let one =
            |address: Option<&Option<IpAddr>>| address.copied().flatten().map_or(fallback, within);
        Ok(match config["Position"].as_str().unwrap() {
            "FIRST" => one(all.first()),
            "LAST" => one(all.last()),
            _ => {
                let last: Vec<IpAddr> = all.iter().rev().take(10).flatten().copied().collect();
                if last.is_empty() {
                    fallback
                } else {
                    last.into_iter().any(within)
                }
            }
        })
    }
}

fn steps(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    let ordered: BTreeMap<u64, String> = entries
        .map(|entry| {
            (
                entry["Priority"].as_u64().unwrap(),
                entry["Type"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    ordered.into_values().collect()
}

fn bytes(position: &str, search: &[u8], value: &[u8]) -> bool {
    let word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let at = |start: usize| value[start..].starts_with(search);
    match position {
        "EXACTLY" => value == search,
        "STARTS_WITH" => at(0),
        "ENDS_WITH" => value.len() >= search.len() && at(value.len() - search.len()),
        "CONTAINS" => (0..=value.len()).any(at),
        _ => (0..=value.len()).any(|start| {
            at(start)
                && !word(start.checked_sub(1).map(|before| &value[before]))
                && !word(value.get(start + search.len()))
        }),
    }
}

/// The patterns of the tests mean the same in both syntaxes, but for `$`.
fn expression(pattern: &str) -> regex::bytes::Regex {
    let ends = pattern
        .strip_suffix('$')
        .map_or(pattern.to_owned(), |start| format!("{start}\\n?$"));
    regex::bytes::RegexBuilder::new(&ends)
        .unicode(false)
        .build()
        .unwrap()
}

fn in_network(network: &str, address: IpAddr) -> bool {
    let (first, length) = network.split_once('/').unwrap();
    let bits = |address: IpAddr| -> String {
        match address {
            IpAddr::V4(address) => address
                .octets()
                .iter()
                .map(|octet| format!("{octet:08b}"))
                .collect(),
            IpAddr::V6(address) => address
                .octets()
                .iter()
                .map(|octet| format!("{octet:08b}"))
                .collect(),
        }
    };
    let first: IpAddr = first.parse().unwrap();
    let length: usize = length.parse().unwrap();
    first.is_ipv4() == address.is_ipv4() && bits(first)[..length] == bits(address)[..length]
}
