//! The names of condition operators.
//!
//! Source: IAM User Guide, "Condition operators" and "Multivalued context keys".

use std::fmt;

/// How a condition with several request values is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// No qualifier: the key has one value.
    Single,
    /// `ForAllValues:` every value in the request matches; true if there are none.
    ForAllValues,
    /// `ForAnyValue:` at least one value in the request matches; false if there are none.
    ForAnyValue,
}

macro_rules! comparisons {
    ($($name:ident, $negated:literal;)*) => {
        /// What a condition compares and how.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the names are the language's own
        pub enum Comparison { $($name,)* }

        impl Comparison {
            /// Every comparison of the language.
            pub const ALL: &'static [Comparison] = &[$(Comparison::$name,)*];

            /// The name as documented.
            pub fn as_str(self) -> &'static str {
                match self { $(Comparison::$name => stringify!($name),)* }
            }

            /// True for the `Not` forms, which are true when the key is missing.
            pub fn is_negated(self) -> bool {
                match self { $(Comparison::$name => $negated,)* }
            }
        }
    };
}

comparisons! {
    StringEquals, false;
    StringNotEquals, true;
    StringEqualsIgnoreCase, false;
    StringNotEqualsIgnoreCase, true;
    StringLike, false;
    StringNotLike, true;
    NumericEquals, false;
    NumericNotEquals, true;
    NumericLessThan, false;
    NumericLessThanEquals, false;
    NumericGreaterThan, false;
    NumericGreaterThanEquals, false;
    DateEquals, false;
    DateNotEquals, true;
    DateLessThan, false;
    DateLessThanEquals, false;
    DateGreaterThan, false;
    DateGreaterThanEquals, false;
    Bool, false;
    BinaryEquals, false;
    IpAddress, false;
    NotIpAddress, true;
    ArnEquals, false;
    ArnNotEquals, true;
    ArnLike, false;
    ArnNotLike, true;
    Null, false;
}

/// A whole operator: `ForAnyValue:StringLikeIfExists` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// `ForAllValues:`, `ForAnyValue:` or neither.
    pub qualifier: Qualifier,
    /// What is compared.
    pub comparison: Comparison,
    /// `...IfExists`: true when the key is missing.
    pub if_exists: bool,
}

impl Operator {
    /// Reads an operator's name, in any case of letters as AWS does. `None` if there is no such operator;
    /// `Null` has neither an `IfExists` form nor a qualifier.
    pub fn parse(name: &str) -> Option<Operator> {
        let (qualifier, rest) = match name.split_once(':') {
            None => (Qualifier::Single, name),
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAllValues") => {
                (Qualifier::ForAllValues, rest)
            }
            Some((q, rest)) if q.eq_ignore_ascii_case("ForAnyValue") => {
                (Qualifier::ForAnyValue, rest)
            }
            Some(_) => return None,
        };
        let (base, if_exists) = match rest
            .len()
            .checked_sub("IfExists".len())
            .and_then(|n| rest.split_at_checked(n))
        {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (base, true),
            _ => (rest, false),
        };
        let comparison = *Comparison::ALL
            .iter()
            .find(|c| c.as_str().eq_ignore_ascii_case(base))?;
        if comparison == Comparison::Null && (if_exists || qualifier != Qualifier::Single) {
            return None;
        }
        Some(Operator {
            qualifier,
            comparison,
            if_exists,
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.qualifier {
            Qualifier::Single => "",
            Qualifier::ForAllValues => "ForAllValues:",
            Qualifier::ForAnyValue => "ForAnyValue:",
        })?;
        f.write_str(self.comparison.as_str())?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_reads_back_as_written() {
        for comparison in Comparison::ALL {
            for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
                for suffix in ["", "IfExists"] {
                    let name = format!("{prefix}{}{suffix}", comparison.as_str());
                    match Operator::parse(&name) {
                        Some(operator) => assert_eq!(operator.to_string(), name),
                        None => assert_eq!(*comparison, Comparison::Null, "{name}"),
                    }
                }
            }
        }
    }

    #[test]
    fn other_names_are_no_operators() {
        for name in [
            "",
            "IfExists",
            "StringEqual",
            "ForSomeValues:StringEquals",
            "NullIfExists",
            "ForAnyValue:Null",
            "é",
        ] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }

    #[test]
    fn letters_of_either_case_are_the_same_operator() {
        assert_eq!(
            Operator::parse("foranyvalue:stringlikeifexists")
                .unwrap()
                .to_string(),
            "ForAnyValue:StringLikeIfExists"
        );
    }
}
