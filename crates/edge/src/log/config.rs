//! Which records are kept and what of them is left out: wafv2's `LoggingConfiguration`.

use palisade_waf::{Decision, Verdict};
use serde::Deserialize;
use thiserror::Error;

/// Which records are kept, and what is left out of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogConfig {
    #[serde(default)]
    redacted_fields: Vec<RedactedField>,
    logging_filter: Option<LoggingFilter>,
    /// Where AWS would send them; here `--log` says that.
    #[serde(default, rename = "LogDestinationConfigs")]
    _destinations: Vec<String>,
    #[serde(default, rename = "ResourceArn")]
    _resource: Option<String>,
    #[serde(default, rename = "ManagedByFirewallManager")]
    _by_firewall_manager: bool,
}

/// A field whose content records do not hold.
#[derive(Clone, Debug, Deserialize)]
enum RedactedField {
    SingleHeader(Named),
    UriPath(Empty),
    QueryString(Empty),
    Method(Empty),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggingFilter {
    default_behavior: Behavior,
    filters: Vec<Filter>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Behavior {
    Keep,
    Drop,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    behavior: Behavior,
    requirement: Requirement,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Requirement {
    MeetsAll,
    MeetsAny,
}

#[derive(Clone, Debug, Deserialize)]
enum Condition {
    #[serde(rename = "ActionCondition")]
    Action {
        #[serde(rename = "Action")]
        action: ActionValue,
    },
    #[serde(rename = "LabelNameCondition")]
    Label {
        #[serde(rename = "LabelName")]
        label: String,
    },
}

/// `ActionValue` of the model.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ActionValue {
    Allow,
    Block,
    Count,
    Captcha,
    Challenge,
    ExcludedAsCount,
}

/// Why a text is no logging configuration.
#[derive(Debug, Error)]
#[error("this is no LoggingConfiguration of wafv2: {0}")]
pub struct NoLogConfig(#[from] serde_json::Error);

impl LogConfig {
    /// Reads wafv2's `LoggingConfiguration`, alone or as a member of that name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &[u8]) -> Result<LogConfig, NoLogConfig> {
        let mut value: serde_json::Value = serde_json::from_slice(text)?;
        if let Some(within) = value.get_mut("LoggingConfiguration") {
            value = within.take();
        }
        Ok(serde_json::from_value(value)?)
    }

    /// Whether the record of this decision is kept. The first filter that applies decides.
    pub(super) fn keeps(&self, decision: &Decision) -> bool {
        let Some(filter) = &self.logging_filter else {
            return true;
        };
        let applies = |filter: &&Filter| match filter.requirement {
            Requirement::MeetsAll => filter.conditions.iter().all(|one| one.holds(decision)),
            Requirement::MeetsAny => filter.conditions.iter().any(|one| one.holds(decision)),
        };
        let behavior = filter
            .filters
            .iter()
            .find(applies)
            .map(|filter| filter.behavior);
        behavior.unwrap_or(filter.default_behavior) == Behavior::Keep
    }

    pub(super) fn redacts_header(&self, name: &[u8]) -> bool {
        self.redacted_fields.iter().any(|field| {
            matches!(field, RedactedField::SingleHeader(named) if name.eq_ignore_ascii_case(named.name.as_bytes()))
        })
    }

    pub(super) fn redacts_path(&self) -> bool {
        self.redacted_fields
            .iter()
            .any(|field| matches!(field, RedactedField::UriPath(Empty {})))
    }

    pub(super) fn redacts_query(&self) -> bool {
        self.redacted_fields
            .iter()
            .any(|field| matches!(field, RedactedField::QueryString(Empty {})))
    }

    pub(super) fn redacts_method(&self) -> bool {
        self.redacted_fields
            .iter()
            .any(|field| matches!(field, RedactedField::Method(Empty {})))
    }
}

impl Condition {
    fn holds(&self, decision: &Decision) -> bool {
        match self {
            Condition::Label { label } => decision.labels.contains(label),
            Condition::Action { action } => match (action, &decision.verdict) {
                (ActionValue::Allow, Verdict::Allow) | (ActionValue::Block, Verdict::Block(_)) => {
                    true
                }
                (ActionValue::Captcha, Verdict::Challenge { captcha, .. }) => *captcha,
                (ActionValue::Challenge, Verdict::Challenge { captcha, .. }) => !captcha,
                (ActionValue::Count, _) => {
                    decision
                        .non_terminating
                        .iter()
                        .any(|found| found.action == "COUNT" && found.overridden.is_none())
                        || decision.groups.iter().any(|group| {
                            group
                                .non_terminating
                                .iter()
                                .any(|(_, action)| *action == "COUNT")
                        })
                }
                (ActionValue::ExcludedAsCount, _) => decision
                    .non_terminating
                    .iter()
                    .any(|found| found.action == "COUNT" && found.overridden.is_some()),
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_waf::{Response, RuleMatch, Terminating};

    fn decision(verdict: Verdict, labels: &[&str], counted: bool) -> Decision {
        let found = RuleMatch {
            rule: "r".into(),
            in_group: None,
            action: "COUNT",
            overridden: None,
        };
        Decision {
            verdict,
            terminating: Terminating::Default,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            insert_headers: Vec::new(),
            non_terminating: counted.then_some(found).into_iter().collect(),
            groups: Vec::new(),
            rates: Vec::new(),
            undecided: Vec::new(),
            client_asn: None,
        }
    }

    #[test]
    fn the_first_filter_that_applies_decides() {
        let config = LogConfig::parse(br#"{"LoggingConfiguration": {"ResourceArn": "a", "LogDestinationConfigs": ["b"], "LoggingFilter": {"DefaultBehavior": "DROP", "Filters": [
            {"Behavior": "DROP", "Requirement": "MEETS_ALL", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}, {"LabelNameCondition": {"LabelName": "noise"}}]},
            {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}, {"ActionCondition": {"Action": "COUNT"}}]}
        ]}}}"#).unwrap();
        let block = || Verdict::Block(Response::default());
        assert!(config.keeps(&decision(block(), &[], false)));
        assert!(!config.keeps(&decision(block(), &["noise"], false)));
        assert!(config.keeps(&decision(Verdict::Allow, &["noise"], true)));
        assert!(!config.keeps(&decision(Verdict::Allow, &[], false)));
        assert!(LogConfig::default().keeps(&decision(Verdict::Allow, &[], false)));
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for text in [
            &br#"{"LoggingFilters": {}}"#[..],
            br#"{"RedactedFields": [{"Body": {}}]}"#,
            br#"{"LoggingFilter": {"DefaultBehavior": "KEEP"}}"#,
            br#"{"LoggingFilter": {"DefaultBehavior": "KEEP", "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_SOME", "Conditions": []}]}}"#,
            b"",
        ] {
            assert!(LogConfig::parse(text).is_err(), "{}", text.escape_ascii());
        }
    }
}
