//! Expressions that a template engine would evaluate on the server.

use crate::bytes::{Profile, at, find, has_at, is_word, skip_space};
use crate::finding::{Finding, Kind};

type Found = (usize, usize, &'static str);

/// Jinja, Twig, FreeMarker, Velocity, ERB, Smarty, Razor, Thymeleaf, Handlebars and the like.
pub fn template(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(
        Profile::BRACE
            | Profile::PERCENT
            | Profile::HASH
            | Profile::AT
            | Profile::UNDERSCORE
            | Profile::BRACKET,
    ) {
        return None;
    }
    let found = |(start, end, reason): Found| {
        Finding::new(Kind::Template, start, end.min(value.len()), reason)
    };
    let braces = if profile.any(Profile::BRACE) {
        braces(value)
    } else {
        None
    };
    braces
        .or_else(|| {
            if profile.any(Profile::ANGLE) {
                tags(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::HASH | Profile::AT) {
                directives(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::UNDERSCORE) {
                internals(value)
            } else {
                None
            }
        })
        .map(found)
}

fn braces(value: &[u8]) -> Option<Found> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'{') {
        let before = if place == 0 { 0 } else { value[place - 1] };
        let next = at(value, place + 1);
        let inside = body(value, place + 1);
        let reason = match (before, next) {
            (_, b'{') => evaluates(body(value, place + 2)).then_some("double-braces"),
            (_, b'%') => statement(&value[place + 2..], b"%}").then_some("template-statement"),
            (b'$' | b'#' | b'*' | b'@' | b'~', _)
                if (before != b'@' || next == b'[' || next == b'(')
                    && (before != b'*' || inside.contains(&b'(')) =>
            {
                (evaluates(inside)
                    || before == b'#' && inside.contains(&b'(')
                    || next == b'[' && before == b'@' && perl(inside)
                    || next == b'\'' && before != b'*')
                    .then_some("expression-braces")
            }
            _ => None,
        };
        if let Some(reason) = reason {
            return Some((place, (place + inside.len() + 2).min(value.len()), reason));
        }
    }
    None
}

/// Perl's interpolated expressions, where they reach the system.
fn perl(inside: &[u8]) -> bool {
    let words: [&[u8]; 9] = [
        b"system", b"exec", b"qx", b"`", b"getpw", b"%env", b"crypt", b"unlink", b"$$",
    ];
    words.iter().any(|word| find(inside, 0, word).is_some())
}

/// The text up to the closing brace, bounded.
pub(crate) fn body(value: &[u8], from: usize) -> &[u8] {
    let rest = value
        .get(from..value.len().min(from + 128))
        .unwrap_or_default();
    let end = rest
        .iter()
        .position(|&byte| byte == b'}')
        .unwrap_or(rest.len());
    &rest[..end]
}

/// Whether an expression computes rather than names: arithmetic on constants, private names, calls of objects.
fn evaluates(inside: &[u8]) -> bool {
    let inside = inside.trim_ascii();
    let arithmetic = inside.iter().enumerate().any(|(place, &byte)| {
        matches!(byte, b'*' | b'+' | b'-' | b'/')
            && place > 0
            && constant(&inside[..place])
            && constant_start(&inside[place + 1..])
    });
    let words: [&[u8]; 21] = [
        b"__",
        b"config",
        b"request.",
        b"constructor",
        b"lipsum",
        b"cycler",
        b"joiner",
        b".class",
        b"getclass",
        b"forname",
        b"runtime",
        b"t(java",
        b"new java",
        b"?new(",
        b"_self",
        b"range.constructor",
        b"settings.",
        b"app.request",
        b"system(",
        b"exec(",
        b"$smarty",
    ];
    let path = |word: &[u8]| {
        find(inside, 0, word).is_some_and(|place| {
            place == 0 || !is_word(inside[place - 1]) || word[0] == b'.' || word[0] == b'_'
        })
    };
    let reaching = words.iter().any(|word| path(word))
        && (inside.len() < 40 || inside.contains(&b'(') || inside.contains(&b'['));
    let filtered = inside.contains(&b'|')
        && (find(inside, 0, b"attr(").is_some()
            || find(inside, 0, b"filter(").is_some()
            || find(inside, 0, b"map(").is_some() && inside.contains(&b'\''));
    let quoted_call = matches!(at(inside, 0), b'\'' | b'"' | b'(' | b'[')
        && inside.windows(2).any(|pair| pair == b"](" || pair == b").")
        || inside.starts_with(b"''.")
        || inside.starts_with(b"[].");
    arithmetic || reaching || filtered || quoted_call
}

fn constant(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let token = text
        .iter()
        .rposition(|byte| !byte.is_ascii_digit() && *byte != b'\'' && *byte != b'"')
        .map_or(text, |place| &text[place + 1..]);
    !token.is_empty()
        && (token.len() == text.len()
            || matches!(
                text[text.len() - token.len() - 1],
                b'(' | b' ' | b'*' | b'+'
            ))
}

fn constant_start(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(byte) if byte.is_ascii_digit() || matches!(byte, b'\'' | b'"'))
}

/// `{% if … %}`: a known word and the end.
fn statement(rest: &[u8], close: &[u8]) -> bool {
    let start = skip_space(rest, 0) + usize::from(at(rest, 0) == b'-');
    let words: [&[u8]; 16] = [
        b"if", b"for", b"set", b"include", b"import", b"extends", b"block", b"macro", b"call",
        b"filter", b"from", b"with", b"raw", b"debug", b"load", b"do",
    ];
    let start = skip_space(rest, start);
    words
        .iter()
        .any(|word| has_at(rest, start, word) && !is_word(at(rest, start + word.len())))
        && find(rest, start, close).is_some_and(|end| {
            // Names alone are a template's own text: nothing is computed, called or read.
            let acts = |byte: &u8| b"(.'\"_[|0123456789=".contains(byte);
            let inside = &rest[start..end];
            inside.iter().any(acts) || inside.len() < 6 || find(inside, 0, b" true").is_some()
        })
}

/// `<%= … %>`, `<#assign …>`, `<c:out`.
fn tags(value: &[u8]) -> Option<Found> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
        let rest = &value[place + 1..];
        let scriptlet = at(rest, 0) == b'%'
            && rest.len() > 3
            && (find(rest, 1, b"%>").is_some() || rest[1] == b'=' && rest.contains(&b'('))
            && matches!(rest[1], b' ' | b'=' | b'@' | b'!' | b'#' | b'\t' | b'\n');
        let directive = [
            &b"#assign"[..],
            b"#list",
            b"#include",
            b"#import",
            b"#if",
            b"#attempt",
            b"@include",
        ]
        .iter()
        .any(|head| has_at(rest, 0, head) && matches!(at(rest, head.len()), b' ' | b'\t'));
        if scriptlet || directive {
            return Some((place, place + 8, "template-tag"));
        }
    }
    None
}

/// Velocity's `#set($x=…)`, Razor's `@(…)`, Thymeleaf's `__${…}__`.
fn directives(value: &[u8]) -> Option<Found> {
    for (place, &byte) in value.iter().enumerate() {
        let rest = &value[place + 1..];
        let velocity = byte == b'#'
            && [
                &b"set"[..],
                b"foreach",
                b"evaluate",
                b"include",
                b"parse",
                b"macro",
            ]
            .iter()
            .any(|word| {
                has_at(rest, 0, word)
                    && at(rest, skip_space(rest, word.len())) == b'('
                    && rest
                        .iter()
                        .take(48)
                        .any(|&byte| byte == b'$' || byte == b'"')
            });
        let razor = byte == b'@'
            && at(rest, 0) == b'('
            && (place == 0 || !is_word(value[place - 1]))
            && at(rest, 1).is_ascii_digit()
            && rest
                .iter()
                .take(16)
                .any(|&byte| matches!(byte, b'*' | b'+'));
        if velocity || razor {
            return Some((place, place + 8, "template-directive"));
        }
    }
    None
}

/// The private names of Python and its kin through which a sandbox is left; one may be a name, two are a way out.
fn internals(value: &[u8]) -> Option<Found> {
    find(value, 0, b"__")?;
    let names: [&[u8]; 9] = [
        b"__class__",
        b"__mro__",
        b"__subclasses__",
        b"__globals__",
        b"__builtins__",
        b"__import__",
        b"__base__",
        b"__bases__",
        b"__getitem__",
    ];
    let mut found = names
        .iter()
        .filter_map(|name| find(value, 0, name).map(|place| (place, name.len())));
    let first = found.next()?;
    let doors: [&[u8]; 4] = [
        b"__subclasses__",
        b"__globals__",
        b"__builtins__",
        b"__import__",
    ];
    let second = found.next().is_some() && doors.iter().any(|name| find(value, 0, name).is_some())
        || find(value, 0, b"__import__(").is_some_and(|place| {
            [
                &b"os"[..],
                b"sys",
                b"subprocess",
                b"pty",
                b"socket",
                b"commands",
                b"builtins",
            ]
            .iter()
            .any(|module| {
                has_at(value, place + 12, module) && !is_word(at(value, place + 12 + module.len()))
            })
        });
    second.then_some((first.0, first.0 + first.1, "python-internals"))
}
