//! What is wrong with an input, and how AWS says so.

use std::fmt;

use crate::schema::Bound;

/// One member that does not keep one constraint of the model.
///
/// Its text is AWS's: `Value 'a b' at 'userName' failed to satisfy constraint: Member must …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Where: lower-camel names from the outside in, `tags.1.member.key` for a member of a list, counted from 1.
    pub path: String,
    /// What stands there.
    pub value: Shown,
    /// What it should have kept.
    pub constraint: Constraint,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            value,
            constraint,
        } = self;
        match value {
            Shown::Null => write!(f, "Value null at '{path}'")?,
            Shown::Hidden => write!(f, "Value at '{path}'")?,
            Shown::Text(text) => write!(f, "Value '{text}' at '{path}'")?,
        }
        write!(f, " failed to satisfy constraint: {constraint}")
    }
}

/// A value in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// There is none.
    Null,
    /// It is sensitive, or holds something sensitive.
    Hidden,
    /// It reads so.
    Text(String),
}

/// A constraint of the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// The member is required.
    NotNull,
    /// Longest a string (in characters), blob (in bytes), list or map (in entries) may be.
    MaxLength(Bound),
    /// Shortest it may be.
    MinLength(Bound),
    /// Greatest number.
    MaxValue(Bound),
    /// Least number.
    MinValue(Bound),
    /// Regular expression, as the model has it.
    Pattern(&'static str),
    /// The values there are.
    Enum(Vec<&'static str>),
    /// Exactly one member of a union must be set.
    OneOf,
    /// All constraints that each member of a list has; AWS names them all, whichever was broken.
    Members(Vec<Constraint>),
    /// All constraints that each key of a map has.
    MapKeys(Vec<Constraint>),
    /// All constraints that each value of a map has.
    MapValues(Vec<Constraint>),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNull => f.write_str("Member must not be null"),
            Self::MaxLength(bound) => {
                write!(f, "Member must have length less than or equal to {bound}")
            }
            Self::MinLength(bound) => write!(
                f,
                "Member must have length greater than or equal to {bound}"
            ),
            Self::MaxValue(bound) => {
                write!(f, "Member must have value less than or equal to {bound}")
            }
            Self::MinValue(bound) => {
                write!(f, "Member must have value greater than or equal to {bound}")
            }
            Self::Pattern(pattern) => write!(
                f,
                "Member must satisfy regular expression pattern: {pattern}"
            ),
            Self::Enum(values) => write!(
                f,
                "Member must satisfy enum value set: [{}]",
                values.join(", ")
            ),
            Self::OneOf => f.write_str("Member must have exactly one of its members set"),
            Self::Members(each) => write!(f, "Member must satisfy constraint: {}", Set(each)),
            Self::MapKeys(each) => write!(f, "Map keys must satisfy constraint: {}", Set(each)),
            Self::MapValues(each) => write!(f, "Map value must satisfy constraint: {}", Set(each)),
        }
    }
}

struct Set<'a>(&'a [Constraint]);

impl fmt::Display for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, constraint) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{constraint}")?;
        }
        f.write_str("]")
    }
}

/// All of them in AWS's one sentence: `2 validation errors detected: …; …`.
pub fn message(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let each: Vec<String> = violations.iter().map(Violation::to_string).collect();
    format!(
        "{} validation error{plural} detected: {}",
        violations.len(),
        each.join("; ")
    )
}
