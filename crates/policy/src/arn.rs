//! ARNs and ARN patterns: six segments, each matched on its own.
//!
//! `*` stays within its segment, except in the last, where it crosses `/` and `:`. A pattern that has not six
//! segments matches nothing (but for the single `*`).
//! Source: IAM User Guide, "Policy elements: Resource", "ARN condition operators".

use crate::pattern::{Pattern, Piece, Syntax, Variables, pieces};

/// Splits an ARN into partition, service, region, account and resource (with all its colons).
/// `None` if it is not of the form `arn:...` with six segments.
pub(crate) fn split(arn: &str) -> Option<[&str; 5]> {
    let mut parts = arn.splitn(6, ':');
    if parts.next()? != "arn" {
        return None;
    }
    Some([
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    ])
}

/// Where in an ARN pattern variables are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariablesIn {
    /// Nowhere: version 2008-10-17.
    Nowhere,
    /// After the fifth colon only: the `Resource` element.
    ResourcePart,
    /// Everywhere: Arn condition operators.
    Everywhere,
}

/// A compiled ARN pattern.
#[derive(Clone, Debug)]
pub(crate) enum ArnPattern {
    /// The single `*`.
    Any,
    /// Six segments, the leading `arn` checked.
    Segments(Box<[Pattern; 5]>),
    /// Not an ARN pattern, or a variable where none is replaced: matches nothing.
    Malformed,
}

impl ArnPattern {
    /// Compiles a pattern.
    pub fn new(text: &str, variables: VariablesIn) -> ArnPattern {
        if text == "*" {
            return ArnPattern::Any;
        }
        let syntax = Syntax {
            wildcards: true,
            variables: variables != VariablesIn::Nowhere,
        };
        let Some(segments) = split_pieces(pieces(text, syntax)) else {
            return ArnPattern::Malformed;
        };
        let [head, fixed @ .., _] = &segments;
        if head.as_slice() != [Piece::Text("arn".into())] {
            return ArnPattern::Malformed;
        }
        let replaced = |segment: &Vec<Piece>| {
            segment
                .iter()
                .any(|piece| matches!(piece, Piece::Variable { .. }))
        };
        if variables == VariablesIn::ResourcePart && fixed.iter().any(replaced) {
            return ArnPattern::Malformed;
        }
        let [_, partition, service, region, account, resource] = segments;
        ArnPattern::Segments(Box::new(
            [partition, service, region, account, resource].map(Pattern::from_pieces),
        ))
    }

    /// Does an ARN, split by [`split`], match? `None` is for what is no ARN: only the single `*` matches it.
    pub fn matches(&self, arn: Option<&[&str; 5]>, variables: &impl Variables) -> bool {
        match (self, arn) {
            (ArnPattern::Any, _) => true,
            (ArnPattern::Segments(patterns), Some(segments)) => {
                // The resource part last: the others differ sooner and cost less.
                let mut pairs = patterns.iter().zip(segments.iter());
                pairs.all(|(pattern, segment)| pattern.matches(segment, variables))
            }
            (ArnPattern::Segments(_), None) | (ArnPattern::Malformed, _) => false,
        }
    }

    /// True if a variable without value is all that keeps the pattern from matching: no segment differs otherwise.
    pub fn lacks_value(&self, arn: Option<&[&str; 5]>, variables: &impl Variables) -> bool {
        let (ArnPattern::Segments(patterns), Some(segments)) = (self, arn) else {
            return false;
        };
        let mut lacking = false;
        let mut pairs = patterns.iter().zip(segments.iter());
        let differs = pairs.any(|(pattern, segment)| {
            let lacks = pattern.lacks_value(variables);
            lacking |= lacks;
            !lacks && !pattern.matches(segment, variables)
        });
        lacking && !differs
    }

    /// True if this can match nothing at all.
    pub fn is_malformed(&self) -> bool {
        matches!(self, ArnPattern::Malformed)
    }
}

/// Splits at the first five literal colons, which is not where `${aws:username}` has its own.
pub(crate) fn split_pieces(pieces: Vec<Piece>) -> Option<[Vec<Piece>; 6]> {
    let mut segments: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces {
        let Piece::Text(mut text) = piece else {
            segments.last_mut()?.push(piece);
            continue;
        };
        while segments.len() < 6
            && let Some((head, tail)) = text.split_once(':')
        {
            if !head.is_empty() {
                segments.last_mut()?.push(Piece::Text(head.to_owned()));
            }
            segments.push(Vec::new());
            text = tail.to_owned();
        }
        if !text.is_empty() {
            segments.last_mut()?.push(Piece::Text(text));
        }
    }
    segments.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Key;
    use std::borrow::Cow;

    struct User;
    impl Variables for User {
        fn resolve(&self, key: &Key) -> Option<Cow<'_, str>> {
            (key.name() == "aws:username").then_some(Cow::Borrowed("eve:x"))
        }
    }

    fn matches(pattern: &str, arn: &str) -> bool {
        ArnPattern::new(pattern, VariablesIn::ResourcePart).matches(split(arn).as_ref(), &User)
    }

    #[test]
    fn each_segment_is_matched_on_its_own() {
        for (pattern, arn, expected) in [
            ("*", "arn:aws:s3:::b", true),
            ("*", "*", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z", true),
            ("arn:aws:s3:::b*", "arn:aws:s3:::b/x", true),
            ("arn:aws:s3:::B", "arn:aws:s3:::b", false),
            ("arn:*:s3:::b", "arn:aws-cn:s3:::b", true),
            ("arn:aws:*:::b", "arn:aws:s3:::b", true),
            (
                "arn:aws:sqs:*:111122223333:q",
                "arn:aws:sqs:us-east-1:111122223333:q",
                true,
            ),
            (
                "arn:aws:sqs:us-*-1:*:q",
                "arn:aws:sqs:us-east-1:111122223333:q",
                true,
            ),
            (
                "arn:aws:x:*:111122223333:f/*",
                "arn:aws:x:us-east-2:999999999999:store/abc:111122223333:f/d.txt",
                false,
            ),
            ("arn:aws:s3*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:*", "arn:aws:s3:::b", false),
            ("arn:*", "arn:aws:s3:::b", false),
            ("*:*:*:*:*:*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:::*", "*", false),
            ("ARN:aws:s3:::b", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(matches(pattern, arn), expected, "{pattern} on {arn}");
        }
    }

    #[test]
    fn variables_stand_in_the_resource_part_only() {
        assert!(matches(
            "arn:aws:s3:::b/${aws:username}",
            "arn:aws:s3:::b/eve:x"
        ));
        assert!(!matches(
            "arn:aws:s3:::b/${aws:username}",
            "arn:aws:s3:::b/bob"
        ));
        assert!(!matches(
            "arn:aws:s3:::b/${aws:userid}",
            "arn:aws:s3:::b/eve"
        ));
        assert!(
            ArnPattern::new("arn:aws:sqs::${aws:username}:q", VariablesIn::ResourcePart)
                .is_malformed()
        );
        assert!(
            !ArnPattern::new("arn:aws:sqs::${aws:username}:q", VariablesIn::Everywhere)
                .is_malformed()
        );
        assert!(
            !ArnPattern::new("arn:aws:s3:::b/${aws:username}", VariablesIn::Nowhere).is_malformed()
        );
    }

    #[test]
    fn a_variable_without_value_is_told_apart() {
        let arn = split("arn:aws:s3:::c");
        let lacks = |text: &str| {
            ArnPattern::new(text, VariablesIn::ResourcePart).lacks_value(arn.as_ref(), &User)
        };
        assert!(lacks("arn:aws:s3:::b/${aws:userid}") && !lacks("arn:aws:s3:::b/${aws:username}"));
        assert!(
            !lacks("arn:aws:sqs:::b/${aws:userid}"),
            "another service, whatever the variable"
        );
        assert!(!lacks("*") && !lacks("nothing"));
    }

    #[test]
    fn a_colon_brought_in_by_a_variable_opens_no_segment() {
        let pattern = ArnPattern::new("arn:aws:sqs::${aws:username}:q", VariablesIn::Everywhere);
        assert!(!pattern.matches(split("arn:aws:sqs::eve:x:q").as_ref(), &User));
    }
}
