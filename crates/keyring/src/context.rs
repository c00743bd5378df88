//! The encryption context: pairs of text that are authenticated with a ciphertext and not kept in it.
//!
//! Its canonical form is the number of pairs, then each pair in the order of the keys' bytes: length and bytes of the key, length and
//! bytes of the value. Numbers are 16-bit, big-endian. A context that is absent is the empty one.
//!
//! ```
//! use palisade_keyring::EncryptionContext;
//! let context = EncryptionContext::new([("b", "2"), ("a", "1")]).unwrap();
//! assert_eq!(context.canonical(), b"\0\x02\0\x01a\0\x011\0\x01b\0\x012");
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Pairs of text, each key once; at most [`EncryptionContext::BYTES_MAX`] bytes in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionContext {
    pairs: BTreeMap<String, String>,
    canonical: Vec<u8>,
}

/// Pairs that make no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The canonical form is longer than [`EncryptionContext::BYTES_MAX`].
    #[error(
        "an encryption context has at most {} bytes",
        EncryptionContext::BYTES_MAX
    )]
    TooLong,
    /// A key comes twice.
    #[error("an encryption context has each key once")]
    KeyTwice,
}

/// How a pair that was given differs from the one that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Expected, and not given.
    Missing(String),
    /// Given, and not expected.
    Extra(String),
    /// Given with another value.
    Value(String),
}

impl EncryptionContext {
    /// The longest canonical form, in bytes.
    pub const BYTES_MAX: usize = 8192;

    /// A context of pairs in any order.
    ///
    /// # Errors
    /// When a key comes twice, or the pairs are too long together.
    pub fn new<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ContextError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let mut sorted = BTreeMap::new();
        let mut bytes = 2;
        for (key, value) in pairs {
            let (key, value): (String, String) = (key.into(), value.into());
            bytes += 4 + key.len() + value.len();
            if bytes > Self::BYTES_MAX {
                return Err(ContextError::TooLong);
            }
            match sorted.entry(key) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(_) => return Err(ContextError::KeyTwice),
            };
        }
        let canonical = canonical(&sorted, bytes);
        Ok(Self {
            pairs: sorted,
            canonical,
        })
    }

    /// The canonical form: what is authenticated.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs, in the order of the keys' bytes.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of a key, whose case counts.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).map(String::as_str)
    }

    /// Whether it is the context that a grant's `EncryptionContextEquals` asks for: the case of keys does not count there.
    #[must_use]
    pub fn equals_constraint(&self, constraint: &Self) -> bool {
        self.without_case() == constraint.without_case()
    }

    /// Whether every pair that a grant's `EncryptionContextSubset` asks for is there: the case of keys does not count there.
    #[must_use]
    pub fn includes_constraint(&self, constraint: &Self) -> bool {
        let own = self.without_case();
        let asked = constraint.without_case();
        asked.iter().all(|pair| own.binary_search(pair).is_ok())
    }

    /// In what this context differs from the `expected` one, in the order of the keys.
    #[must_use]
    pub fn differences(&self, expected: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (key, value) in &expected.pairs {
            match self.pairs.get(key) {
                None => found.push(Difference::Missing(key.clone())),
                Some(given) if given != value => found.push(Difference::Value(key.clone())),
                Some(_) => {}
            }
        }
        let extra = self
            .pairs
            .keys()
            .filter(|k| !expected.pairs.contains_key(*k));
        found.extend(extra.cloned().map(Difference::Extra));
        found
    }

    /// The pairs with keys in lower case, sorted.
    fn without_case(&self) -> Vec<(String, &str)> {
        let mut pairs: Vec<_> = self.pairs().map(|(k, v)| (k.to_lowercase(), v)).collect();
        pairs.sort_unstable();
        pairs
    }
}

impl Default for EncryptionContext {
    /// The empty context.
    fn default() -> Self {
        let pairs = BTreeMap::new();
        let canonical = canonical(&pairs, 2);
        Self { pairs, canonical }
    }
}

fn canonical(pairs: &BTreeMap<String, String>, bytes: usize) -> Vec<u8> {
    // Every length fits: together they are at most BYTES_MAX.
    let short = |length: usize| (length as u16).to_be_bytes();
    let mut out = Vec::with_capacity(bytes);
    out.extend_from_slice(&short(pairs.len()));
    for (key, value) in pairs {
        for text in [key, value] {
            out.extend_from_slice(&short(text.len()));
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::new(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn absent_is_empty() {
        assert_eq!(EncryptionContext::default(), context(&[]));
        assert_eq!(EncryptionContext::default().canonical(), [0, 0]);
        assert!(context(&[]).is_empty());
    }

    #[test]
    fn a_key_twice_and_too_many_bytes_are_refused() {
        let twice = EncryptionContext::new([("a", "1"), ("a", "1")]);
        assert_eq!(twice, Err(ContextError::KeyTwice));
        let value = "x".repeat(EncryptionContext::BYTES_MAX - 7);
        let fits = EncryptionContext::new([("a", value.clone())]).unwrap();
        assert_eq!(fits.canonical().len(), EncryptionContext::BYTES_MAX);
        let long = EncryptionContext::new([("ab", value)]);
        assert_eq!(long, Err(ContextError::TooLong));
    }

    #[test]
    fn a_constraint_ignores_the_case_of_keys_and_not_of_values() {
        let given = context(&[("App", "Web"), ("tier", "1")]);
        assert!(given.equals_constraint(&context(&[("app", "Web"), ("TIER", "1")])));
        assert!(!given.equals_constraint(&context(&[("app", "web"), ("tier", "1")])));
        assert!(!given.equals_constraint(&context(&[("app", "Web")])));
        assert!(given.includes_constraint(&context(&[("app", "Web")])));
        assert!(given.includes_constraint(&context(&[])));
        assert!(!given.includes_constraint(&context(&[("app", "Web"), ("x", "1")])));
    }

    #[test]
    fn a_difference_names_the_pair() {
        let given = context(&[("a", "1"), ("b", "2"), ("d", "4")]);
        let expected = context(&[("a", "1"), ("b", "3"), ("c", "3")]);
        assert_eq!(
            given.differences(&expected),
            [
                Difference::Value("b".to_owned()),
                Difference::Missing("c".to_owned()),
                Difference::Extra("d".to_owned())
            ]
        );
    }

    proptest! {
        #[test]
        fn the_order_of_pairs_does_not_matter(pairs in btree_map(".{0,8}", ".{0,8}", 0..6)) {
            let forth = EncryptionContext::new(pairs.clone()).unwrap();
            let back = EncryptionContext::new(pairs.into_iter().rev()).unwrap();
            prop_assert_eq!(forth.canonical(), back.canonical());
        }

        #[test]
        fn other_pairs_have_another_form(
            one in btree_map("[ab]{0,3}", "[ab]{0,3}", 0..4),
            other in btree_map("[ab]{0,3}", "[ab]{0,3}", 0..4),
        ) {
            let same = one == other;
            let one = EncryptionContext::new(one).unwrap();
            let other = EncryptionContext::new(other).unwrap();
            prop_assert_eq!(same, one.canonical() == other.canonical());
            prop_assert_eq!(same, one.differences(&other).is_empty());
        }
    }
}
