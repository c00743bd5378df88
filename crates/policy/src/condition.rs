//! Conditions, compiled: an operator, a key, values of the operator's type.
//!
//! Several values are alternatives; several conditions must all hold. A missing key makes an operator false and
//! its `Not` form true; `...IfExists` and `ForAllValues` are true then, `ForAnyValue` is false.
//! Source: IAM User Guide, "Condition operators", "Multivalued context keys".

use crate::arn::{self, ArnPattern, VariablesIn};
use crate::context::{Found, Key};
use crate::document::{ConditionEntry, Version};
use crate::operator::{Comparison, Operator, Qualifier};
use crate::pattern::{Pattern, Syntax};
use crate::request::{Question, Timestamp};
use crate::value::{Decimal, Network, parse_moment};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cmp::Ordering;

/// What a test comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    /// A `Not` operator compares with a variable that has no value: the statement does not apply.
    Void,
}

/// One condition of a statement, ready to test.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub key: Key,
    pub operator: Operator,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// Equals and Like: the difference is in how the patterns were compiled.
    Strings(Box<[Pattern]>),
    IgnoreCase(Box<[Pattern]>),
    Numbers(Test, Box<[Decimal]>),
    Moments(Test, Box<[Timestamp]>),
    Booleans(Box<[Pattern]>),
    Binaries(Box<[Vec<u8>]>),
    Networks(Box<[Network]>),
    Arns(Box<[ArnPattern]>),
    /// `Null`: is absence asked for, presence, or both?
    Presence {
        absent: bool,
        present: bool,
    },
}

/// Which orderings satisfy a comparison.
#[derive(Clone, Copy, Debug)]
struct Test {
    less: bool,
    equal: bool,
    greater: bool,
}

impl Test {
    const EQUAL: Test = Test {
        less: false,
        equal: true,
        greater: false,
    };

    fn of(comparison: Comparison) -> Test {
        use Comparison::*;
        match comparison {
            NumericLessThan | DateLessThan => Test {
                less: true,
                equal: false,
                greater: false,
            },
            NumericLessThanEquals | DateLessThanEquals => Test {
                less: true,
                equal: true,
                greater: false,
            },
            NumericGreaterThan | DateGreaterThan => Test {
                less: false,
                equal: false,
                greater: true,
            },
            NumericGreaterThanEquals | DateGreaterThanEquals => Test {
                less: false,
                equal: true,
                greater: true,
            },
            _ => Test::EQUAL,
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match ordering {
            Ordering::Less => self.less,
            Ordering::Equal => self.equal,
            Ordering::Greater => self.greater,
        }
    }
}

impl Condition {
    /// Compiles a condition. Values not of the operator's type match nothing and are left out here; the check
    /// reports them.
    pub fn new(entry: &ConditionEntry, version: Version) -> Condition {
        let texts = || entry.values.iter().map(|value| value.value.as_str());
        let variables = version == Version::V2012;
        let exact = Syntax {
            wildcards: false,
            variables,
        };
        let like = Syntax {
            wildcards: true,
            variables,
        };
        let strings = |syntax| texts().map(|text| Pattern::new(text, syntax)).collect();
        use Comparison::*;
        let comparison = entry.operator.comparison;
        let values = match comparison {
            StringEquals | StringNotEquals => Values::Strings(strings(exact)),
            StringLike | StringNotLike => Values::Strings(strings(like)),
            StringEqualsIgnoreCase | StringNotEqualsIgnoreCase => {
                Values::IgnoreCase(strings(exact))
            }
            NumericEquals
            | NumericNotEquals
            | NumericLessThan
            | NumericLessThanEquals
            | NumericGreaterThan
            | NumericGreaterThanEquals => Values::Numbers(
                Test::of(comparison),
                texts().filter_map(Decimal::parse).collect(),
            ),
            DateEquals
            | DateNotEquals
            | DateLessThan
            | DateLessThanEquals
            | DateGreaterThan
            | DateGreaterThanEquals => Values::Moments(
                Test::of(comparison),
                texts().filter_map(parse_moment).collect(),
            ),
            Bool => Values::Booleans(strings(exact)),
            BinaryEquals => Values::Binaries(texts().filter_map(decode).collect()),
            IpAddress | NotIpAddress => {
                Values::Networks(texts().filter_map(Network::parse).collect())
            }
            ArnEquals | ArnLike | ArnNotEquals | ArnNotLike => {
                let place = if variables {
                    VariablesIn::Everywhere
                } else {
                    VariablesIn::Nowhere
                };
                Values::Arns(texts().map(|text| ArnPattern::new(text, place)).collect())
            }
            Null => Values::Presence {
                absent: texts().any(|text| text.eq_ignore_ascii_case("true")),
                present: texts().any(|text| text.eq_ignore_ascii_case("false")),
            },
        };
        Condition {
            key: Key::new(&entry.key.value),
            operator: entry.operator,
            values,
        }
    }

    /// Tests the condition against a request.
    pub fn test(&self, question: &Question<'_>) -> Truth {
        let found = question.find(&self.key);
        if let Values::Presence { absent, present } = self.values {
            return truth(if found == Found::Missing {
                absent
            } else {
                present
            });
        }
        match self.operator.qualifier {
            Qualifier::Single => self.single(&found, question),
            Qualifier::ForAllValues => self.each(&found, question, Truth::False, Truth::True),
            Qualifier::ForAnyValue => self.each(&found, question, Truth::True, Truth::False),
        }
    }

    fn single(&self, found: &Found<'_>, question: &Question<'_>) -> Truth {
        match found {
            Found::One(value) => self.one(value, question),
            Found::Missing => {
                truth(self.operator.if_exists || self.operator.comparison.is_negated())
            }
            // A key with several values needs a set operator; without one nothing is equal to "several".
            Found::Many([value]) => self.one(value, question),
            Found::Many(_) => truth(self.operator.comparison.is_negated()),
        }
    }

    /// Goes through the request's values until one decides; `none` is the answer for no values at all and for
    /// none that decided.
    fn each(
        &self,
        found: &Found<'_>,
        question: &Question<'_>,
        decides: Truth,
        none: Truth,
    ) -> Truth {
        let slice: &[String] = match found {
            Found::Missing if self.operator.if_exists => return Truth::True,
            Found::Missing => return none,
            Found::One(value) if value.is_empty() => return none,
            Found::One(value) => {
                let one = self.one(value, question);
                return if one == Truth::Void || one == decides {
                    one
                } else {
                    none
                };
            }
            Found::Many(values) => values,
        };
        if slice.iter().all(|value| value.is_empty()) {
            return none;
        }
        for value in slice {
            let one = self.one(value, question);
            if one == Truth::Void || one == decides {
                return one;
            }
        }
        none
    }

    /// Tests one value of the request against the policy's.
    fn one(&self, value: &str, question: &Question<'_>) -> Truth {
        let negated = self.operator.comparison.is_negated();
        match self.matches(value, question) {
            false if negated && self.lacks_value(value, question) => Truth::Void,
            matched => truth(matched != negated),
        }
    }

    /// Does the value match any of the policy's?
    fn matches(&self, value: &str, question: &Question<'_>) -> bool {
        match &self.values {
            Values::Strings(patterns) => patterns
                .iter()
                .any(|pattern| pattern.matches(value, question)),
            Values::IgnoreCase(patterns) => patterns.iter().any(|pattern| {
                let literal = pattern.literal(question);
                literal.is_some_and(|literal| {
                    literal.eq_ignore_ascii_case(value)
                        || literal.to_lowercase() == value.to_lowercase()
                })
            }),
            Values::Booleans(patterns) => patterns.iter().any(|pattern| {
                let literal = pattern
                    .literal(question)
                    .and_then(|literal| boolean(&literal));
                literal.is_some() && literal == boolean(value)
            }),
            Values::Numbers(test, numbers) => {
                let value = Decimal::parse(value);
                value
                    .is_some_and(|value| numbers.iter().any(|number| test.holds(value.cmp(number))))
            }
            Values::Moments(test, moments) => {
                let value = parse_moment(value);
                value
                    .is_some_and(|value| moments.iter().any(|moment| test.holds(value.cmp(moment))))
            }
            Values::Binaries(binaries) => {
                decode(value).is_some_and(|value| binaries.contains(&value))
            }
            Values::Networks(networks) => value
                .parse()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(address))),
            Values::Arns(patterns) => {
                let segments = arn::split(value);
                patterns
                    .iter()
                    .any(|pattern| pattern.matches(segments.as_ref(), question))
            }
            Values::Presence { .. } => false,
        }
    }

    fn lacks_value(&self, value: &str, question: &Question<'_>) -> bool {
        match &self.values {
            Values::Strings(patterns) | Values::IgnoreCase(patterns) => {
                patterns.iter().any(|pattern| pattern.lacks_value(question))
            }
            Values::Arns(patterns) => {
                let segments = arn::split(value);
                patterns
                    .iter()
                    .any(|pattern| pattern.lacks_value(segments.as_ref(), question))
            }
            _ => false,
        }
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
