//! The literals a regular expression cannot match without.
//!
//! A value that holds none of them need not be shown to the expression: one literal scan answers for all of a lane. Letters are
//! compared without case, so `(?i)` costs nothing here.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::regex::Pattern;

/// Literals of one expression, at most.
const LITERALS_MAX: usize = 24;
/// Bytes of a literal, at least: shorter ones are everywhere.
const BYTES_MIN: usize = 3;
/// Bytes of a literal that are of use, at most.
const BYTES_MAX: usize = 32;

/// Literals in small letters, one of which is in everything the pattern matches; nothing where there are no good ones.
pub(super) fn required(pattern: &Pattern) -> Option<Vec<Vec<u8>>> {
    let mut parser = ParserBuilder::new();
    let parser = parser.unicode(pattern.unicode).utf8(false);
    let hir = parser.build().parse(&pattern.source).ok()?;
    let found = needed(&hir)?;
    let good =
        found.len() <= LITERALS_MAX && found.iter().all(|literal| literal.len() >= BYTES_MIN);
    good.then_some(found)
}

fn needed(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut best = None;
            let mut run: Vec<Vec<u8>> = vec![Vec::new()];
            for part in parts {
                match exact(part).and_then(|texts| product(&run, &texts)) {
                    Some(longer) => run = longer,
                    None => {
                        best = better(best, Some(std::mem::replace(&mut run, vec![Vec::new()])));
                        best = better(best, needed(part));
                    }
                }
            }
            better(best, Some(run))
        }
        HirKind::Alternation(parts) => {
            let each = parts.iter().map(needed).collect::<Option<Vec<_>>>()?;
            let all: Vec<Vec<u8>> = each.into_iter().flatten().collect();
            (all.len() <= LITERALS_MAX).then_some(all)
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub),
        HirKind::Capture(capture) => needed(&capture.sub),
        _ => exact(hir),
    }
}

/// Of two sets the one whose shortest literal is longer.
fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let shortest =
        |set: &Option<Vec<Vec<u8>>>| set.iter().flatten().map(Vec::len).min().unwrap_or(0);
    if shortest(&other) > shortest(&one) {
        other
    } else {
        one
    }
}

/// Everything it matches, in small letters, where that is a small set.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_ascii_lowercase()],
        HirKind::Class(class) => characters(class)?,
        HirKind::Capture(capture) => exact(&capture.sub)?,
        HirKind::Concat(parts) => {
            let extended =
                |run: Vec<Vec<u8>>, part| exact(part).and_then(|texts| product(&run, &texts));
            parts.iter().try_fold(vec![Vec::new()], extended)?
        }
        HirKind::Alternation(parts) => parts
            .iter()
            .map(exact)
            .collect::<Option<Vec<_>>>()?
            .concat(),
        HirKind::Repetition(_) => return None,
    };
    (texts.len() <= LITERALS_MAX).then_some(texts)
}

fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let longest = |set: &[Vec<u8>]| set.iter().map(Vec::len).max().unwrap_or(0);
    if left.len() * right.len() > LITERALS_MAX || longest(left) + longest(right) > BYTES_MAX {
        return None;
    }
    let joined = |start: &Vec<u8>| {
        right
            .iter()
            .map(|end| [start.as_slice(), end].concat())
            .collect::<Vec<_>>()
    };
    Some(left.iter().flat_map(joined).collect())
}

/// The characters of a small class, in small letters; both cases of a letter are one.
fn characters(class: &Class) -> Option<Vec<Vec<u8>>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    let mut add = |text: Vec<u8>| {
        if !texts.contains(&text) {
            texts.push(text);
        }
        (texts.len() <= 4).then_some(())
    };
    match class {
        Class::Bytes(bytes) => {
            for range in bytes.ranges() {
                for byte in range.start()..=range.end() {
                    add(vec![byte.to_ascii_lowercase()])?;
                }
            }
        }
        Class::Unicode(unicode) => {
            for range in unicode.ranges() {
                for character in range.start()..=range.end() {
                    add(character.to_ascii_lowercase().to_string().into_bytes())?;
                }
            }
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        let found = required(&Pattern::parse(pattern).unwrap())?;
        Some(
            found
                .into_iter()
                .map(|literal| String::from_utf8(literal).unwrap())
                .collect(),
        )
    }

    #[test]
    fn a_match_holds_one_of_the_literals() {
        assert_eq!(of("(?i)union\\s+select"), Some(vec!["select".into()]));
        assert_eq!(
            of("(?:/etc/(?:passwd|shadow)|boot\\.ini)"),
            Some(vec![
                "/etc/passwd".into(),
                "/etc/shadow".into(),
                "boot.ini".into()
            ])
        );
        assert_eq!(of("^https?://"), Some(vec!["http".into()]));
        assert_eq!(of("\\bfoo\\b"), Some(vec!["foo".into()]));
        assert_eq!(of("(?:foo)+x*"), Some(vec!["foo".into()]));
        assert_eq!(of("foo|b"), None);
        assert_eq!(of(".*"), None);
        assert_eq!(of("(?:foo)?"), None);
    }
}
