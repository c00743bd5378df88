//! JavaScript: calls of what attacks call, where a string may have been left or where the value itself is code.

use crate::bytes::{at, is_space, is_word, skip_space};

/// Functions that a page's own text has no reason to call: `true` if other languages have them too.
const SINKS: &[(&str, bool)] = &[
    ("alert", false),
    ("confirm", false),
    ("prompt", false),
    ("eval", true),
    ("settimeout", true),
    ("setinterval", true),
    ("setimmediate", true),
    ("execscript", false),
    ("fetch", true),
    ("function", true),
    ("atob", false),
    ("msgbox", false),
    ("importscripts", false),
    ("requestanimationframe", true),
    ("fromcharcode", false),
    ("print", true),
    ("open", true),
    ("write", true),
    ("import", true),
    ("find", true),
    ("sendbeacon", false),
];

/// Properties of the page that attacks read or set.
const PAGE: &[&str] = &[
    "cookie",
    "domain",
    "write",
    "writeln",
    "location",
    "body",
    "documentelement",
    "createelement",
    "scripts",
    "forms",
    "defaultview",
    "queryselector",
    "queryselectorall",
    "getelementbyid",
];

/// How sure a call is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Call {
    None,
    /// Other languages call it too.
    Shared,
    /// Only script in a page calls it.
    Page,
}

/// Whether a call of a sink starts at `place`: `alert(`, `alert?.(`, `alert.call(`, `(alert)(`, `alert` + backtick.
pub(super) fn call(text: &[u8], place: usize) -> Call {
    let mut start = place;
    while matches!(at(text, start), b'(' | b'[' | b'!' | b'~' | b'+' | b'-') && start < place + 8 {
        start += 1;
    }
    let mut end = start;
    while is_word(at(text, end)) && end - start < 24 {
        end += 1;
    }
    // Most words are followed by nothing that calls: look at that before the name.
    if !matches!(
        at(text, end),
        b'(' | b'`' | b'?' | b'.' | b')' | b']' | b'/'
    ) && !matches!(at(text, skip_space(text, end)), b'(' | b'`')
    {
        return Call::None;
    }
    let name = text.get(start..end).unwrap_or_default();
    let Some(&(_, shared)) = SINKS
        .iter()
        .find(|(sink, _)| sink.as_bytes().eq_ignore_ascii_case(name))
    else {
        return Call::None;
    };
    // `prompt (text)` is a word and a remark.
    if is_space(at(text, end)) {
        let argument = at(text, skip_space(text, skip_space(text, end) + 1));
        if !(argument.is_ascii_digit()
            || matches!(
                argument,
                b'"' | b'\'' | b'`' | b'/' | b'd' | b')' | b'*' | b'<'
            ))
        {
            return Call::None;
        }
    }
    let wrapped = start > place;
    let mut after = skip_blank(text, end);
    for _ in 0..8 {
        match at(text, after) {
            b')' | b']' if wrapped => after = skip_blank(text, after + 1),
            b'?' if at(text, after + 1) == b'.' => after = skip_blank(text, after + 2),
            b'.' => {
                let method = skip_blank(text, after + 1);
                const METHODS: [&[u8]; 3] = [b"call", b"apply", b"bind"];
                let known = METHODS
                    .iter()
                    .find(|name| crate::bytes::has_at(text, method, name));
                match known {
                    Some(name) => after = skip_blank(text, method + name.len()),
                    None => return Call::None,
                }
            }
            b'(' | b'`' => return if shared { Call::Shared } else { Call::Page },
            _ => return Call::None,
        }
    }
    Call::None
}

fn skip_blank(text: &[u8], from: usize) -> usize {
    let mut place = skip_space(text, from);
    while at(text, place) == b'/' && at(text, place + 1) == b'*' && place < from + 64 {
        match text[place + 2..]
            .windows(2)
            .take(64)
            .position(|pair| pair == b"*/")
        {
            Some(length) => place = skip_space(text, place + length + 4),
            None => break,
        }
    }
    place
}

/// Whether `document.cookie` and the like start at `place`.
pub(super) fn page_access(text: &[u8], place: usize) -> bool {
    let end = place
        + text
            .get(place..text.len().min(place + 12))
            .map_or(0, crate::bytes::skip_word);
    if !matches!(end - place, 3..=10)
        || !matches!(at(text, end), b'.' | b'[' | b'?' | b'/' | b')') && !is_space(at(text, end))
    {
        return false;
    }
    const OBJECTS: [&[u8]; 8] = [
        b"document",
        b"window",
        b"self",
        b"top",
        b"this",
        b"parent",
        b"globalthis",
        b"frames",
    ];
    let Some(object) = OBJECTS.iter().find(|name| {
        crate::bytes::has_at(text, place, name) && !is_word(at(text, place + name.len()))
    }) else {
        return false;
    };
    let document = object.len() == 8;
    let mut after = skip_blank(text, place + object.len());
    if at(text, after) == b')' && place > 0 && at(text, place - 1) == b'(' {
        after = skip_blank(text, after + 1);
    }
    if at(text, after) == b'?' && at(text, after + 1) == b'.' {
        after += if at(text, after + 2) == b'[' { 2 } else { 1 };
    }
    match at(text, after) {
        b'.' if document => {
            let name = skip_blank(text, after + 1);
            PAGE.iter().any(|entry| {
                crate::bytes::has_at(text, name, entry.as_bytes())
                    && !is_word(at(text, name + entry.len()))
            })
        }
        b'[' if document => {
            let inside = skip_blank(text, after + 1);
            let key = text.get(inside + 1..).unwrap_or_default();
            let pieces = key
                .iter()
                .take(12)
                .position(|&byte| matches!(byte, b'"' | b'\'' | b'`'))
                .is_some_and(|end| at(key, end + 1) == b'+');
            matches!(at(text, inside), b'"' | b'\'' | b'`')
                && (pieces
                    || PAGE
                        .iter()
                        .any(|entry| crate::bytes::has_at(key, 0, entry.as_bytes())))
        }
        // `self["al"+"ert"](1)`, `top[/al/.source+…](…)`.
        b'[' => {
            let inside = at(text, skip_blank(text, after + 1));
            let close = text[after..].iter().take(96).position(|&byte| byte == b']');
            let escaped = close.is_some_and(|length| {
                text[after..after + length]
                    .windows(2)
                    .any(|pair| matches!(pair, b"\\x" | b"\\u"))
            });
            escaped
                || matches!(inside, b'"' | b'\'' | b'`' | b'/' | b'(')
                    && close.is_some_and(|length| {
                        matches!(
                            at(text, skip_blank(text, after + length + 1)),
                            b'(' | b'`' | b'='
                        )
                    })
        }
        _ => false,
    }
}

/// Whether the text holds anything that runs: a call, a tagged template, an assignment to a page's property.
pub(super) fn runs(text: &[u8]) -> bool {
    let mut before = 0;
    for (place, &byte) in text.iter().enumerate() {
        match byte {
            b'(' if is_word(before) || matches!(before, b')' | b']' | b'`' | b'.') => return true,
            b'`' if is_word(before) || matches!(before, b')' | b']') => return true,
            b'=' if place > 2 && is_word(before) && at(text, place + 1) != b'=' => return true,
            b'&' if super::entity::reference(text, place).is_some_and(|(byte, _)| byte == b'(') => {
                return true;
            }
            _ => {}
        }
        if !is_space(byte) {
            before = byte;
        }
    }
    false
}
