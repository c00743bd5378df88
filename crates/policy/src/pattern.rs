//! Patterns: literal text, `*` for any characters, `?` for one, and policy variables.
//!
//! Matching never backtracks further than the last `*`, so it is at worst the product of the two lengths,
//! whatever the pattern. What a variable brings in is literal: a user named `*` matches only himself.
//! Source: IAM User Guide, "Policy elements: Resource", "Variables and tags".

use crate::context::Key;
use std::borrow::Cow;

/// Looks up what policy variables stand for in the request at hand.
pub(crate) trait Variables {
    /// The value of a single-valued context key; `None` if the request has none.
    fn resolve(&self, key: &Key) -> Option<Cow<'_, str>>;
}

/// A part of a policy string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Characters that stand for themselves.
    Text(String),
    /// `*`
    Many,
    /// `?`
    One,
    /// `${key}` or `${key, 'default'}`
    Variable { key: Key, default: Option<String> },
}

/// What in a string is not literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// `*` and `?` are wildcards.
    pub wildcards: bool,
    /// `${...}` is replaced: version 2012-10-17, in the places that have variables.
    pub variables: bool,
}

/// Reads a policy string into its pieces.
pub(crate) fn pieces(text: &str, syntax: Syntax) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let variable = if syntax.variables {
            variable_at(rest)
        } else {
            None
        };
        if let Some((inner, after)) = variable {
            match inner {
                "*" | "?" | "$" => literal.push_str(inner),
                _ => {
                    flush(&mut literal, &mut out);
                    out.push(variable_piece(inner));
                }
            }
            rest = after;
            continue;
        }
        match c {
            '*' if syntax.wildcards => {
                flush(&mut literal, &mut out);
                if out.last() != Some(&Piece::Many) {
                    out.push(Piece::Many);
                }
            }
            '?' if syntax.wildcards => {
                flush(&mut literal, &mut out);
                out.push(Piece::One);
            }
            _ => literal.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    flush(&mut literal, &mut out);
    out
}

/// If `text` begins with a closed `${...}`, what is inside and what follows.
pub(crate) fn variable_at(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

fn variable_piece(inner: &str) -> Piece {
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let default = default.trim();
            let quoted = default
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''));
            (name, Some(quoted.unwrap_or(default).to_owned()))
        }
    };
    Piece::Variable {
        key: Key::new(name.trim()),
        default,
    }
}

fn flush(literal: &mut String, out: &mut Vec<Piece>) {
    if !literal.is_empty() {
        out.push(Piece::Text(std::mem::take(literal)));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Many,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Any,
    Exact(Box<str>),
    Prefix(Box<str>),
    Glob(Box<[Token]>),
    Template(Box<[Piece]>),
}

impl Pattern {
    /// Compiles a policy string.
    pub fn new(text: &str, syntax: Syntax) -> Pattern {
        Pattern::from_pieces(pieces(text, syntax))
    }

    /// Compiles pieces.
    pub fn from_pieces(pieces: Vec<Piece>) -> Pattern {
        let kind = match pieces.as_slice() {
            [] => Kind::Exact("".into()),
            [Piece::Many] => Kind::Any,
            [Piece::Text(text)] => Kind::Exact(text.as_str().into()),
            [Piece::Text(text), Piece::Many] => Kind::Prefix(text.as_str().into()),
            all if all
                .iter()
                .any(|piece| matches!(piece, Piece::Variable { .. })) =>
            {
                Kind::Template(pieces.into())
            }
            all => {
                let mut tokens = Vec::new();
                all.iter().for_each(|piece| push(&mut tokens, piece, None));
                Kind::Glob(tokens.into())
            }
        };
        Pattern(kind)
    }

    /// Does the value match? A pattern with a variable that has no value in this request matches nothing; whether
    /// that is why is told by [`Pattern::lacks_value`].
    pub fn matches(&self, value: &str, variables: &impl Variables) -> bool {
        match &self.0 {
            Kind::Template(pieces) => {
                // What cannot match whatever the variables stand for is not worth resolving.
                if let Some(Piece::Text(head)) = pieces.first()
                    && !value.starts_with(head.as_str())
                {
                    return false;
                }
                let mut tokens = Vec::with_capacity(value.len() + pieces.len());
                for piece in pieces {
                    let Some(resolved) = resolve(piece, variables) else {
                        return false;
                    };
                    push(&mut tokens, piece, resolved.as_deref());
                }
                glob::<false>(&tokens, value)
            }
            _ => self.matches_plain::<false>(value),
        }
    }

    /// True if a variable of the pattern has no value in this request.
    pub fn lacks_value(&self, variables: &impl Variables) -> bool {
        match &self.0 {
            Kind::Template(pieces) => pieces
                .iter()
                .any(|piece| resolve(piece, variables).is_none()),
            _ => false,
        }
    }

    /// Does the value match, letters of either case being equal? The pattern must be lower case and without
    /// variables; ASCII only, as action names are.
    pub fn matches_ignoring_ascii_case(&self, value: &str) -> bool {
        self.matches_plain::<true>(value)
    }

    fn matches_plain<const FOLD: bool>(&self, value: &str) -> bool {
        let same = |a: &str, b: &str| {
            if FOLD {
                a.eq_ignore_ascii_case(b)
            } else {
                a == b
            }
        };
        match &self.0 {
            Kind::Any => true,
            Kind::Exact(text) => same(text, value),
            Kind::Prefix(text) => value.get(..text.len()).is_some_and(|head| same(text, head)),
            Kind::Glob(tokens) => glob::<FOLD>(tokens, value),
            Kind::Template(_) => false,
        }
    }

    /// The text this pattern stands for if it is literal once variables are replaced (no wildcards).
    /// `None` if a variable has no value.
    pub fn literal(&self, variables: &impl Variables) -> Option<Cow<'_, str>> {
        match &self.0 {
            Kind::Exact(text) => Some(Cow::Borrowed(text)),
            Kind::Template(pieces) => {
                let mut out = String::new();
                for piece in pieces {
                    match (piece, resolve(piece, variables)?) {
                        (Piece::Text(text), _) => out.push_str(text),
                        (_, Some(value)) => out.push_str(&value),
                        _ => return None,
                    }
                }
                Some(Cow::Owned(out))
            }
            Kind::Any | Kind::Prefix(_) | Kind::Glob(_) => None,
        }
    }
}

/// `None`: a variable without a value. `Some(None)`: not a variable.
fn resolve<'v>(piece: &'v Piece, variables: &'v impl Variables) -> Option<Option<Cow<'v, str>>> {
    match piece {
        Piece::Variable { key, default } => {
            let value = variables
                .resolve(key)
                .or_else(|| default.as_deref().map(Cow::Borrowed));
            value.map(Some)
        }
        _ => Some(None),
    }
}

fn push(tokens: &mut Vec<Token>, piece: &Piece, resolved: Option<&str>) {
    match piece {
        Piece::Text(text) => tokens.extend(text.bytes().map(Token::Byte)),
        Piece::Many => tokens.push(Token::Many),
        Piece::One => tokens.push(Token::One),
        Piece::Variable { .. } => {
            tokens.extend(resolved.unwrap_or_default().bytes().map(Token::Byte))
        }
    }
}

/// Two cursors and one place to come back to: after the last `*` seen.
fn glob<const FOLD: bool>(tokens: &[Token], value: &str) -> bool {
    let bytes = value.as_bytes();
    let (mut t, mut b) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (tokens.get(t), bytes.get(b)) {
            (None, None) => return true,
            (Some(Token::Many), _) => {
                t += 1;
                star = Some((t, b));
                continue;
            }
            (Some(Token::Byte(want)), Some(have)) => {
                let have = if FOLD {
                    have.to_ascii_lowercase()
                } else {
                    *have
                };
                (*want == have).then_some(1)
            }
            (Some(Token::One), Some(have)) => Some(char_length(*have)),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                t += 1;
                b += length;
            }
            (None, None) => return false,
            (None, Some((after, from))) => {
                let Some(have) = bytes.get(from) else {
                    return false;
                };
                let next = from + char_length(*have);
                star = Some((after, next));
                t = after;
                b = next;
            }
        }
    }
}

/// The length of the UTF-8 character that begins with this byte.
fn char_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Fixed(Option<&'static str>);
    impl Variables for Fixed {
        fn resolve(&self, _: &Key) -> Option<Cow<'_, str>> {
            self.0.map(Cow::Borrowed)
        }
    }

    const FULL: Syntax = Syntax {
        wildcards: true,
        variables: true,
    };

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::new(pattern, FULL).matches(value, &Fixed(Some("bob*")))
    }

    #[test]
    fn wildcards_match_what_they_should() {
        for (pattern, value, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a*", "bab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("??", "é", false),
            ("*??", "€", false),
            ("*??", "€é", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("**a", "a", true),
            ("a/*/c", "a/b/b/c", true),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} on {value}");
        }
    }

    #[test]
    fn a_variables_value_is_literal() {
        assert!(matches("home/${aws:username}/*", "home/bob*/x"));
        assert!(!matches("home/${aws:username}/*", "home/bobby/x"));
    }

    #[test]
    fn a_variable_without_value_is_unresolved_unless_it_has_a_default() {
        let at =
            |pattern: &str, value: &str| Pattern::new(pattern, FULL).matches(value, &Fixed(None));
        assert!(!at("${aws:username}", "x") && !at("${aws:username}", ""));
        let lacks = |pattern: &str, value| Pattern::new(pattern, FULL).lacks_value(&Fixed(value));
        assert!(lacks("x-${aws:username}", None) && !lacks("x-${aws:username}", Some("ann")));
        assert!(!lacks("${aws:username, 'x'}", None) && !lacks("x*", None));
        assert!(at("a-${aws:username, 'anon*'}", "a-anon*"));
        assert!(!at("a-${aws:username, 'anon*'}", "a-anonymous"));
        assert!(at("${aws:username,''}", ""));
    }

    #[test]
    fn escapes_are_literal_characters() {
        assert!(matches("a${*}b", "a*b"));
        assert!(!matches("a${*}b", "axb"));
        assert!(matches("${?}${$}{x}", "?${x}"));
        assert!(matches("${open", "${open"));
    }

    #[test]
    fn without_variables_a_dollar_is_a_dollar_and_a_star_a_star() {
        let pattern = Pattern::new(
            "${*}",
            Syntax {
                wildcards: true,
                variables: false,
            },
        );
        assert!(pattern.matches("${anything}", &Fixed(None)));
        let pattern = Pattern::new(
            "a*",
            Syntax {
                wildcards: false,
                variables: false,
            },
        );
        assert!(pattern.matches("a*", &Fixed(None)));
        assert!(!pattern.matches("ab", &Fixed(None)));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "*a".repeat(2000) + "b";
        assert!(!matches(&pattern, &"a".repeat(4000)));
    }

    /// The definition, slow and plain.
    fn reference(pattern: &[char], value: &[char]) -> bool {
        match (pattern.split_first(), value.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', after)), _) => (0..=value.len()).any(|n| reference(after, &value[n..])),
            (Some(('?', after)), Some((_, rest))) => reference(after, rest),
            (Some((want, after)), Some((have, rest))) => want == have && reference(after, rest),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn globbing_agrees_with_its_definition(pattern in "[ab*?é€]{0,10}", value in "[abé€]{0,10}") {
            let (p, v): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
            prop_assert_eq!(matches(&pattern, &value), reference(&p, &v));
            let folded = Pattern::new(&pattern, FULL).matches_ignoring_ascii_case(&value.to_uppercase());
            prop_assert!(!value.is_ascii() || folded == reference(&p, &v));
        }

        #[test]
        fn literal_text_matches_only_itself(a in "[a-c${}?*]{0,6}", b in "[a-c${}?*]{0,6}") {
            let pattern = Pattern::new(&a, Syntax { wildcards: false, variables: false });
            prop_assert_eq!(pattern.matches(&b, &Fixed(None)), a == b);
        }
    }
}
