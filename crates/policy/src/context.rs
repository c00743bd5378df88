//! The context of a request: condition keys and their values.
//!
//! Key names are the same in letters of either case, tag keys in them included (IAM User Guide, "Condition
//! context keys").

use crate::derive::Derived;
use std::borrow::Cow;

/// The value of a context key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextValue {
    /// A single-valued key.
    One(String),
    /// A multivalued key, such as `aws:TagKeys`.
    Many(Vec<String>),
}

impl From<&str> for ContextValue {
    fn from(value: &str) -> ContextValue {
        ContextValue::One(value.to_owned())
    }
}

impl From<String> for ContextValue {
    fn from(value: String) -> ContextValue {
        ContextValue::One(value)
    }
}

impl From<Vec<String>> for ContextValue {
    fn from(values: Vec<String>) -> ContextValue {
        ContextValue::Many(values)
    }
}

/// The keys a request brings along. What is set here wins over what is derived from the principal and the
/// resource.
///
/// ```
/// use palisade_policy::Context;
/// let context = Context::from_iter([("aws:SourceIp", "203.0.113.7")]);
/// assert!(context.get("AWS:sourceip").is_some());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Sorted by name in lower case; names as they were given.
    entries: Vec<(Box<str>, ContextValue)>,
}

impl Context {
    /// A context without keys.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets a key, replacing what it had.
    pub fn set(&mut self, name: &str, value: impl Into<ContextValue>) {
        match self.find(&name.to_lowercase()) {
            Ok(at) => self.entries[at].1 = value.into(),
            Err(at) => self.entries.insert(at, (name.into(), value.into())),
        }
    }

    /// The value of a key, whatever the case of its letters.
    pub fn get(&self, name: &str) -> Option<&ContextValue> {
        self.get_lower(&name.to_lowercase())
    }

    /// All keys as they were first given, in order, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_ref(), value))
    }

    /// True if there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get_lower(&self, name: &str) -> Option<&ContextValue> {
        let at = self.find(name).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// Where the key of this name, in lower case, is or would be.
    fn find(&self, lower: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(have, _)| compare_folded(have, lower))
    }
}

/// How a name compares, in lower case, with one that is.
fn compare_folded(name: &str, lower: &str) -> std::cmp::Ordering {
    if name.is_ascii() {
        let folded = name.bytes().map(|byte| byte.to_ascii_lowercase());
        folded.cmp(lower.bytes())
    } else {
        name.to_lowercase().as_str().cmp(lower)
    }
}

impl<K: AsRef<str>, V: Into<ContextValue>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Context {
        let mut context = Context::new();
        for (name, value) in pairs {
            context.set(name.as_ref(), value);
        }
        context
    }
}

/// A context key named by a policy: lower case, and what it is derived from when the request does not set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    name: Box<str>,
    pub derived: Option<Derived>,
}

impl Key {
    pub fn new(name: &str) -> Key {
        let name = name.to_lowercase();
        Key {
            derived: Derived::of(&name),
            name: name.into(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a look-up of a key finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'a> {
    Missing,
    One(Cow<'a, str>),
    Many(&'a [String]),
}

impl<'a> Found<'a> {
    pub fn from_value(value: &'a ContextValue) -> Found<'a> {
        match value {
            ContextValue::One(value) => Found::One(Cow::Borrowed(value)),
            ContextValue::Many(values) => Found::Many(values),
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Found::Missing => "absent".to_owned(),
            Found::One(value) => format!("{value:?}"),
            Found::Many(values) => format!("{values:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_either_case_and_the_last_set_wins() {
        let mut context = Context::from_iter([("b:Z", "1"), ("a:Y", "2"), ("B:z", "3")]);
        context.set("A:y", vec!["4".to_owned()]);
        let all: Vec<_> = context
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        assert_eq!(
            all,
            [
                ("a:Y".into(), ContextValue::Many(vec!["4".into()])),
                ("b:Z".into(), "3".into())
            ]
        );
    }
}
