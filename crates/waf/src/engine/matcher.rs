//! Everything that looks for patterns in the values of one lane: one literal scan, one set of expressions.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use bumpalo::Bump;
use memchr::memmem;
use regex::bytes::{Regex, RegexSet, RegexSetBuilder};

use super::literals::required;
use crate::extract::Value;
use crate::regex::Pattern;

/// Up to so many values are scanned each for itself.
const JOINED_MIN: usize = 3;
/// Bytes of the compiled expressions of a lane, at most.
const SET_BYTES_MAX: usize = 32 << 20;
/// Bytes of the states that a set keeps while it works, at most.
const SET_CACHE_BYTES_MAX: usize = 1 << 20;

/// A pattern that a statement looks for; each has a bit in the lane's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// Bytes anywhere.
    Bytes(Vec<u8>),
    /// Bytes with no letter, digit or `_` around them.
    Word(Vec<u8>),
    /// A regular expression, as written.
    Regex(String),
}

impl Sought {
    /// The regular expression it is, if it is one.
    pub(super) fn expression(&self) -> Option<&str> {
        match self {
            Sought::Regex(written) => Some(written),
            _ => None,
        }
    }
}

/// The patterns of a lane compiled.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    sought: Vec<Finder>,
    /// Literals and gates; `None` where there are none.
    scan: Option<AhoCorasick>,
    /// What each literal of the scan stands for.
    literals: Vec<(usize, Vec<u8>)>,
    /// Expressions without a gate: bit of each, and the set where there are several.
    ungated: Vec<usize>,
    set: Option<RegexSet>,
}

#[derive(Debug)]
enum Finder {
    Bytes(memmem::Finder<'static>),
    Word(memmem::Finder<'static>),
    Regex(Regex),
}

impl Matcher {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// Where they are too large together.
    pub(super) fn new(sought: &[Sought]) -> Result<Matcher, String> {
        let too_large = |error: &dyn std::fmt::Display| {
            format!("The regular expressions on one field are too large: {error}.")
        };
        let mut matcher = Matcher::default();
        let mut in_set = Vec::new();
        for (bit, pattern) in sought.iter().enumerate() {
            let finder = match pattern {
                Sought::Bytes(bytes) => {
                    matcher.literals.push((bit, bytes.clone()));
                    Finder::Bytes(memmem::Finder::new(bytes).into_owned())
                }
                Sought::Word(bytes) => {
                    matcher.literals.push((bit, bytes.clone()));
                    Finder::Word(memmem::Finder::new(bytes).into_owned())
                }
                Sought::Regex(written) => {
                    let pattern = Pattern::parse(written)?;
                    match required(&pattern) {
                        Some(literals) => matcher
                            .literals
                            .extend(literals.into_iter().map(|literal| (bit, literal))),
                        None => {
                            matcher.ungated.push(bit);
                            in_set.push(pattern.scoped());
                        }
                    }
                    Finder::Regex(pattern.compile().map_err(|error| too_large(&error))?)
                }
            };
            matcher.sought.push(finder);
        }
        matcher.scan = matcher.literal_scan().map_err(|error| too_large(&error))?;
        if in_set.len() > 1 {
            let mut set = RegexSetBuilder::new(in_set);
            let set = set
                .unicode(false)
                .size_limit(SET_BYTES_MAX)
                .dfa_size_limit(SET_CACHE_BYTES_MAX)
                .build();
            matcher.set = Some(set.map_err(|error| too_large(&error))?);
        }
        Ok(matcher)
    }

    /// Sets the bits of what is in the values.
    pub(super) fn scan_all<'b>(&self, values: &[Value<'b>], bits: &mut [u64], arena: &'b Bump) {
        if let Some(scan) = &self.scan {
            // Most requests hold none of the literals, and asking that alone, of many values at once, is faster than
            // asking each. What seems to be there across two values is not when each is asked.
            let joined = |values: &[Value<'b>]| {
                let length = values.iter().map(|value| value.bytes.len() + 1).sum();
                let mut all = bumpalo::collections::Vec::with_capacity_in(length, arena);
                for value in values {
                    all.extend_from_slice(value.bytes);
                    all.push(0);
                }
                all
            };
            let candidates = values.len() <= JOINED_MIN || scan.is_match(&joined(values)[..]);
            for value in values.iter().filter(|_| candidates) {
                if scan.is_match(value.bytes) {
                    self.literal_hits(scan, value.bytes, bits);
                }
            }
        }
        for value in values {
            self.scan_ungated(value.bytes, bits);
        }
    }

    /// Expressions that any value may match.
    fn scan_ungated(&self, value: &[u8], bits: &mut [u64]) {
        if self.ungated.iter().all(|bit| is_set(bits, *bit)) {
            return;
        }
        match &self.set {
            Some(set) => {
                for found in set.matches(value) {
                    set_bit(bits, self.ungated[found]);
                }
            }
            None => {
                for &bit in &self.ungated {
                    if let Finder::Regex(regex) = &self.sought[bit]
                        && regex.is_match(value)
                    {
                        set_bit(bits, bit);
                    }
                }
            }
        }
    }

    /// Where the pattern of a bit is in the value.
    pub(super) fn find(&self, bit: usize, value: &[u8]) -> Option<Range<usize>> {
        match self.sought.get(bit)? {
            Finder::Bytes(finder) => finder.find(value).map(|at| at..at + finder.needle().len()),
            Finder::Word(finder) => {
                let range = |at: usize| at..at + finder.needle().len();
                finder
                    .find_iter(value)
                    .map(range)
                    .find(|range| is_word(value, range.clone()))
                    .or_else(|| self.overlapping_word(finder, value))
            }
            Finder::Regex(regex) => regex.find(value).map(|found| found.range()),
        }
    }

    fn literal_scan(&self) -> Result<Option<AhoCorasick>, aho_corasick::BuildError> {
        if self.literals.is_empty() {
            return Ok(None);
        }
        // Gates are in small letters and meant without case; what is sought with its case is compared again.
        let gated = self
            .literals
            .iter()
            .any(|(bit, _)| matches!(self.sought[*bit], Finder::Regex(_)));
        let mut builder = AhoCorasickBuilder::new();
        builder
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(gated);
        builder
            .build(self.literals.iter().map(|(_, literal)| literal))
            .map(Some)
    }

    fn literal_hits(&self, scan: &AhoCorasick, value: &[u8], bits: &mut [u64]) {
        // An expression is asked once, however often its literals are there.
        let mut asked = vec![false; self.sought.len()];
        for found in scan.find_overlapping_iter(value) {
            let (bit, literal) = &self.literals[found.pattern().as_usize()];
            if asked[*bit] || is_set(bits, *bit) {
                continue;
            }
            let range = found.range();
            let is_there = match &self.sought[*bit] {
                Finder::Bytes(_) => value[range] == literal[..],
                Finder::Word(_) => value[range.clone()] == literal[..] && is_word(value, range),
                // The expression was let through its gate: now it looks itself, once, at all of the value.
                Finder::Regex(regex) => {
                    asked[*bit] = true;
                    regex.is_match(value)
                }
            };
            if is_there {
                set_bit(bits, *bit);
            }
        }
    }

    /// A word may begin within another occurrence of its letters, which `find_iter` steps over.
    fn overlapping_word(&self, finder: &memmem::Finder<'_>, value: &[u8]) -> Option<Range<usize>> {
        let length = finder.needle().len();
        let mut from = 0;
        while let Some(at) = value.get(from..).and_then(|rest| finder.find(rest)) {
            let range = from + at..from + at + length;
            if is_word(value, range.clone()) {
                return Some(range);
            }
            from += at + 1;
        }
        None
    }
}

fn is_word(value: &[u8], range: Range<usize>) -> bool {
    let of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let before = range.start.checked_sub(1).and_then(|at| value.get(at));
    !before.is_some_and(|byte| of_word(*byte))
        && !value.get(range.end).is_some_and(|byte| of_word(*byte))
}

pub(super) fn set_bit(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}

pub(super) fn is_set(bits: &[u64], bit: usize) -> bool {
    bits[bit / 64] >> (bit % 64) & 1 == 1
}
