//! What can be wrong with a condition and with policy variables.
//!
//! Sources: IAM User Guide, "Condition operators", "Variables and tags", "Multivalued context keys".

use crate::arn::{ArnPattern, VariablesIn};
use crate::condition::{boolean, decode};
use crate::document::{ConditionEntry, Effect, Spanned, Statement, Version};
use crate::error::Code;
use crate::lint::Checker;
use crate::operator::{Comparison, Qualifier};
use crate::pattern::variable_at;
use crate::value::{Decimal, Network, parse_moment};

impl Checker {
    pub(crate) fn condition(&mut self, entry: &ConditionEntry, statement: &Statement) {
        if entry.operator.to_string() != entry.operator_name {
            let message = format!("the operator is documented as {}", entry.operator);
            self.report(Code::OperatorSpelling, entry.at, message);
        }
        if !entry.key.value.contains(':') {
            let message =
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            self.report(Code::ActionFormat, entry.key.at, message);
        }
        for value in &entry.values {
            self.condition_value(entry, value);
        }
        self.qualifier(entry, statement);
    }

    fn condition_value(&mut self, entry: &ConditionEntry, value: &Spanned<String>) {
        use Comparison::*;
        let text = value.value.as_str();
        let variable = self.version == Version::V2012 && text.contains("${");
        let wrong = match entry.operator.comparison {
            NumericEquals
            | NumericNotEquals
            | NumericLessThan
            | NumericLessThanEquals
            | NumericGreaterThan
            | NumericGreaterThanEquals => Decimal::parse(text)
                .is_none()
                .then_some((Code::InvalidNumber, "is no decimal number")),
            DateEquals
            | DateNotEquals
            | DateLessThan
            | DateLessThanEquals
            | DateGreaterThan
            | DateGreaterThanEquals => {
                let message = "is neither an ISO 8601 date nor seconds since the epoch";
                parse_moment(text)
                    .is_none()
                    .then_some((Code::InvalidDate, message))
            }
            Bool if variable => None,
            Bool | Null => boolean(text)
                .is_none()
                .then_some((Code::InvalidBoolean, "is neither true nor false")),
            BinaryEquals => decode(text)
                .is_none()
                .then_some((Code::InvalidBinary, "is not base64")),
            IpAddress | NotIpAddress => Network::parse(text)
                .is_none()
                .then_some((Code::InvalidIpRange, "is no address and no CIDR range")),
            ArnEquals | ArnLike | ArnNotEquals | ArnNotLike => {
                let malformed = ArnPattern::new(text, VariablesIn::Everywhere).is_malformed()
                    && !text.starts_with("${");
                malformed.then_some((Code::InvalidArnPattern, "is no ARN pattern of six segments"))
            }
            _ => None,
        };
        match wrong {
            Some((code, what)) => self.report(code, value.at, format!("{text:?} {what}")),
            None => {
                let has_variables = matches!(
                    entry.operator.comparison,
                    StringEquals
                        | StringNotEquals
                        | StringEqualsIgnoreCase
                        | StringNotEqualsIgnoreCase
                        | StringLike
                        | StringNotLike
                        | ArnEquals
                        | ArnNotEquals
                        | ArnLike
                        | ArnNotLike
                        | Bool
                );
                self.variables(value, has_variables);
            }
        }
    }

    /// Looks at every `${...}` of a string.
    pub(crate) fn variables(&mut self, text: &Spanned<String>, replaced: bool) {
        let mut rest = text.value.as_str();
        while let Some(at) = rest.find("${") {
            rest = rest.get(at..).unwrap_or_default();
            if self.version == Version::V2008 || !replaced {
                let message = match self.version {
                    Version::V2008 => {
                        "without \"Version\": \"2012-10-17\" a variable is literal text"
                    }
                    Version::V2012 => "this operator has no variables: the text is literal",
                };
                return self.report(Code::VariableNotReplaced, text.at, message);
            }
            let Some((inner, after)) = variable_at(rest) else {
                return self.report(Code::InvalidVariable, text.at, "a ${ is not closed");
            };
            if !is_variable(inner) {
                let message =
                    format!("${{{inner}}} is no variable: write ${{KEY}} or ${{KEY, 'default'}}");
                self.report(Code::InvalidVariable, text.at, message);
            }
            rest = after;
        }
    }

    fn qualifier(&mut self, entry: &ConditionEntry, statement: &Statement) {
        let key = entry.key.value.as_str();
        let guarded = || {
            statement.conditions.iter().any(|other| {
                other.operator.comparison == Comparison::Null
                    && other.key.value.eq_ignore_ascii_case(key)
                    && other
                        .values
                        .iter()
                        .all(|value| value.value.eq_ignore_ascii_case("false"))
            })
        };
        match entry.operator.qualifier {
            Qualifier::ForAllValues if statement.effect == Effect::Allow && !guarded() => {
                let message = format!(
                    "true also when the request has no {key}; add \"Null\": {{\"{key}\": \"false\"}}"
                );
                self.report(Code::ForAllValuesAllow, entry.at, message);
            }
            Qualifier::Single
                if entry.operator.comparison != Comparison::Null && is_multivalued(key) =>
            {
                let message = format!("{key} has many values: use ForAnyValue: or ForAllValues:");
                self.report(Code::MultivaluedKey, entry.key.at, message);
            }
            _ => {}
        }
    }
}

/// The multivalued global keys. Source: IAM User Guide, "AWS global condition context keys", Value type.
fn is_multivalued(key: &str) -> bool {
    const ALL: [&str; 6] = [
        "aws:CalledVia",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceNamesList",
        "aws:ResourceOrgPaths",
        "aws:SourceOrgPaths",
        "aws:TagKeys",
    ];
    ALL.iter().any(|name| name.eq_ignore_ascii_case(key))
}

fn is_variable(inner: &str) -> bool {
    if matches!(inner, "*" | "?" | "$") {
        return true;
    }
    let (name, default) = inner
        .split_once(',')
        .map_or((inner, None), |(name, default)| {
            (name, Some(default.trim()))
        });
    let quoted = |text: &str| text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    name.contains(':') && !name.contains(['$', '{']) && default.is_none_or(quoted)
}
