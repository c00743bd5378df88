//! PHP: code, its wrappers and its own variables.

mod names;

use crate::bytes::{Profile, at, find, is_space, is_word, skip_space};
use crate::finding::{Finding, Kind};
use names::{FUNCTIONS, GLOBALS, SHARED, WRAPPERS, of_library};

type Found = (usize, usize, &'static str);

/// PHP that the interpreter would run, read from or be told by.
pub fn php(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |(start, end, reason): (usize, usize, &'static str)| {
        Finding::new(Kind::Php, start, end.min(value.len()), reason)
    };
    let tag = if profile.all(Profile::ANGLE | Profile::QUESTION) {
        tag(value)
    } else {
        None
    };
    tag.or_else(|| {
        if profile.all(Profile::BRACE) {
            ["{php}", "{/php}"]
                .iter()
                .find_map(|tag| find(value, 0, tag.as_bytes()))
                .map(|place| (place, place + 6, "php-tag"))
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.all(Profile::COLON | Profile::SLASH) {
            wrapper(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.any(Profile::DOLLAR) {
            variable(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.any(Profile::PAREN) {
            calls(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.all(Profile::BRACKET) {
            ["[/php]", "[\\php]", "[php]"]
                .iter()
                .find_map(|tag| find(value, 0, tag.as_bytes()))
                .map(|place| (place, place + 6, "php-tag"))
        } else {
            None
        }
    })
    .map(found)
}

fn tag(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"<?")
    {
        let rest = &value[place + 2..];
        let blank = skip_space(rest, 0);
        let opened = crate::bytes::has_at(rest, blank, b"php") && !is_word(at(rest, blank + 3));
        let code = opened && !closed_at_once(rest, blank + 3)
            || rest.is_empty() && place > 0 && !value.iter().any(|byte| is_space(*byte))
            || at(rest, 0) == b'='
            || is_space(at(rest, 0)) && !rest.is_empty() && runs(rest);
        if code || crate::bytes::has_at(rest, 0, b"xml :") {
            return Some((place, place + 5, "php-tag"));
        }
    }
    None
}

/// `<?php ?>`: the tags, as a text names them, with nothing between.
fn closed_at_once(rest: &[u8], from: usize) -> bool {
    rest.get(skip_space(rest, from)..)
        .is_some_and(|rest| rest.starts_with(b"?>"))
}

/// Whether something is called, named or ended behind a short tag; a remark in brackets is none of that.
fn runs(rest: &[u8]) -> bool {
    let mut before = b' ';
    rest.iter().any(|&byte| {
        let runs = matches!(byte, b'$' | b'`' | b';') || byte == b'(' && is_word(before);
        before = byte;
        runs
    })
}

fn wrapper(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let separator = find(value, 0, b"://")?;
    WRAPPERS.iter().find_map(|name| {
        let place = find(value, 0, name.as_bytes())?;
        let plain = place == 0 || !is_word(value[place - 1]);
        let argument = at(value, place + name.len());
        (plain && separator + 3 < value.len() && (is_word(argument) || argument == b'/'))
            .then_some((place, place + name.len(), "stream-wrapper"))
    })
}

fn variable(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'$') {
        let mut start = place + 1;
        while start < place + 8
            && (matches!(at(value, start), b'{' | b'$')
                || at(value, start) == b' ' && start < place + 3)
        {
            start += 1;
        }
        if let Some(end) = variable_call(value, place) {
            return Some((place, end, "variable-function"));
        }
        let rest = &value[start..];
        let end = rest
            .iter()
            .take(256)
            .position(|&byte| !is_word(byte))
            .unwrap_or(rest.len().min(256));
        let (name, after) = (&rest[..end], skip_space(rest, end));
        let global = GLOBALS
            .iter()
            .any(|entry| entry.as_bytes().eq_ignore_ascii_case(name));
        let next = at(rest, after);
        if global
            && (matches!(next, b'[' | b'{' | b']' | b'}' | b';' | b')')
                || value.len() == start + end)
            && name
                .iter()
                .all(|byte| !byte.is_ascii_lowercase() || value.len() < 64)
        {
            return Some((place, start + end, "superglobal"));
        }
        if place > 0 && value[place - 1] == b'>' {
            continue;
        }
        let doubled = start > place + 1 && at(value, place + 1) == b'$' && !name.is_empty();
        let argument = at(rest, after + 1);
        let passed = after == end
            && (argument.is_ascii_digit() || matches!(argument, b'\'' | b'"' | b'$' | b')'));
        if (doubled || name.starts_with(b"_")) && next == b'(' && passed
            || next == b'['
                && name.starts_with(b"_")
                && rest[after..].windows(2).take(256).any(|pair| pair == b"](")
        {
            return Some((place, start + after + 1, "variable-function"));
        }
        if rest.starts_with(b"@")
            && at(value, place + 1) == b'{'
            && rest.iter().take(256).any(|&byte| byte == b'(')
        {
            return Some((place, start + 1, "silenced-expression"));
        }
    }
    None
}

/// `$f(1)`, `$f['x'](1)`, `$o->$m()`, `${$x->y}(2)`, `$  {…}`: what is called, or named, is in a variable.
fn variable_call(value: &[u8], dollar: usize) -> Option<usize> {
    let before = value[..dollar]
        .trim_ascii_end()
        .last()
        .copied()
        .unwrap_or(b';');
    if !b";{(\"'=.,|[!@`:".contains(&before) {
        return None;
    }
    let limit = value.len().min(dollar + BLANK_MAX + NAME_MAX);
    let text = &value[..limit];
    let mut place = dollar + 1;
    let blank = skip_space(text, place);
    if at(text, blank) == b'{' {
        // A blank before the brace: no shell and no template writes that.
        let spaced = blank > place;
        let close = blank + text[blank..].iter().position(|&byte| byte == b'}')?;
        if spaced
            && before != b'='
            && (matches!(
                at(text, skip_space(text, blank + 1)),
                b'$' | b'\'' | b'"' | b'@'
            ))
        {
            return Some(close + 1);
        }
        if close <= blank + 1 {
            return None;
        }
        place = close + 1;
    } else {
        let length = text[place..]
            .iter()
            .take_while(|byte| is_word(**byte))
            .count();
        if length == 0 {
            return None;
        }
        place += length;
    }
    loop {
        place = skip_comment(text, place);
        match at(text, place) {
            b'[' => place += text[place..].iter().position(|&byte| byte == b']')? + 1,
            _ => break,
        }
    }
    if at(text, place) != b'(' {
        return None;
    }
    let inside = skip_space(text, place + 1);
    let argument = text[inside..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let close = skip_space(text, inside + argument);
    (at(text, close) == b')' && place > dollar + 1).then_some(close + 1)
}

/// Behind blanks and comments.
fn skip_comment(text: &[u8], from: usize) -> usize {
    let mut place = skip_space(text, from);
    loop {
        let rest = text.get(place..).unwrap_or_default();
        let length = if rest.starts_with(b"/*") {
            rest.windows(2)
                .position(|pair| pair == b"*/")
                .map(|end| end + 2)
        } else if rest.starts_with(b"//") || rest.starts_with(b"#") {
            rest.iter().position(|&byte| byte == b'\n')
        } else {
            None
        };
        match length {
            Some(length) => place = skip_space(text, place + length.max(1)),
            None => return place,
        }
    }
}

fn calls(value: &[u8]) -> Option<Found> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'(') {
        let (end, hidden) = before_call(value, place);
        if let Some(found) = bracketed(value, end, place) {
            return Some(found);
        }
        let length = value[..end]
            .iter()
            .rev()
            .take(NAME_MAX + 1)
            .take_while(|byte| is_word(**byte))
            .count();
        let start = end - length;
        let name = &value[start..end];
        if !(2..=NAME_MAX).contains(&name.len()) {
            continue;
        }
        let before = if start == 0 { b' ' } else { value[start - 1] };
        if matches!(before, b'.' | b'>' | b':' | b'&') {
            continue;
        }
        let known = |list: &[&str]| {
            list.iter()
                .any(|entry| entry.as_bytes().eq_ignore_ascii_case(name))
        };
        let (own, shared) = (known(FUNCTIONS), known(SHARED));
        let library = !own
            && !shared
            && whole_call(value, start)
            && library_call(&value[..start], name, &value[place..]);
        if !own && !shared && !library {
            continue;
        }
        let first = value[start.saturating_sub(NAME_MAX)..start]
            .iter()
            .all(|byte| !byte.is_ascii_alphanumeric());
        let argument = &value[skip_space(value, place + 1)..];
        let quoted = matches!(at(argument, 0), b'\'' | b'"' | b'$' | b'`' | b'\\');
        let passed = at(argument, 0) != b')' || argument.len() == 1;
        if own
            && first
            && passed
            && (name.contains(&b'_')
                || name.len() > 6
                || value.ends_with(b")")
                    && !value.contains(&b' ')
                    && at(argument, 0).is_ascii_digit())
        {
            return Some((start, place + 1, "php-function"));
        }
        let ended = value.ends_with(b";") || value.ends_with(b")");
        let tells = quoted && ended && shell_inside(argument)
            || hidden && whole_call(value, start)
            || nested(argument);
        if shared && first && tells {
            return Some((start, place + 1, "code-execution"));
        }
        if library {
            return Some((start, place + 1, "php-function"));
        }
    }
    None
}

/// Bytes of a function's name, at most.
const NAME_MAX: usize = 40;
/// Bytes of blanks and comments between a name and its bracket, at most.
const BLANK_MAX: usize = 96;

/// Where the name before the bracket at `place` ends, and whether a comment or a line break stands between.
fn before_call(value: &[u8], place: usize) -> (usize, bool) {
    let floor = place.saturating_sub(BLANK_MAX);
    let (mut end, mut hidden) = (place, false);
    loop {
        let blanks = value[floor..end]
            .iter()
            .rev()
            .take_while(|byte| is_space(**byte))
            .count();
        hidden |=
            value[end - blanks..end].contains(&b'\n') || value[end - blanks..end].contains(&b'\r');
        end -= blanks;
        let near = &value[floor..end];
        let comment = if near.ends_with(b"*/") {
            near.windows(2).rposition(|pair| pair == b"/*")
        } else {
            // A comment to the end of its line, which the blanks just skipped ended.
            let line = near
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |last| last + 1);
            near[line..]
                .windows(2)
                .position(|pair| pair[0] == b'#' || pair == b"//")
                .filter(|_| blanks > 0 && hidden)
                .map(|start| line + start)
        };
        match comment {
            Some(start) if floor + start < end => {
                end = floor + start;
                hidden = true;
            }
            _ => return (end, hidden),
        }
    }
}

/// `(system)(…)`, `("sys"."tem")(…)`: a callable in brackets, called.
fn bracketed(value: &[u8], end: usize, place: usize) -> Option<Found> {
    let inside = value[..end].strip_suffix(b")")?;
    let floor = inside.len().saturating_sub(NAME_MAX);
    let open = floor + inside[floor..].iter().rposition(|&byte| byte == b'(')?;
    let name = inside[open + 1..].trim_ascii();
    let plain: Vec<u8> = name
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\'' | b'"' | b'.' | b' '))
        .collect();
    let calls = SHARED
        .iter()
        .chain(FUNCTIONS)
        .chain(&["phpinfo", "passthru", "shell_exec"])
        .any(|entry| entry.len() > 3 && entry.as_bytes().eq_ignore_ascii_case(&plain));
    let alone = value[..open]
        .iter()
        .rev()
        .take(4)
        .all(|byte| !is_word(*byte));
    (calls && alone).then_some((open, place + 1, "called-name"))
}

/// The value is a call from `start` to its end.
fn whole_call(value: &[u8], start: usize) -> bool {
    let head = &value[..start];
    let opens = head.len() <= 4 && head.iter().all(|byte| !is_word(*byte));
    opens && closes_last(&value[start..])
}

/// A function of PHP's library, called with something: `gzip(1)` is a page of the manual, `f()` a name in a text, `f({x}` its description.
fn library_call(head: &[u8], name: &[u8], brackets: &[u8]) -> bool {
    let inside = brackets.get(1..).unwrap_or_default().trim_ascii();
    let page = inside.len() <= 2
        && inside
            .first()
            .is_none_or(|byte| byte.is_ascii_digit() || *byte == b')');
    !page
        && !inside.starts_with(b"{")
        && inside.contains(&b')')
        && !head.iter().any(|byte| is_space(*byte))
        && !name.iter().any(|byte| {
            byte.is_ascii_uppercase() != name[0].is_ascii_uppercase() && byte.is_ascii_alphabetic()
        })
        && of_library(name)
}

/// Whether the first bracket of the text closes at its end, or never.
fn closes_last(text: &[u8]) -> bool {
    let mut depth = 0usize;
    for (place, &byte) in text.iter().enumerate().take(CALL_MAX) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => {
                let rest = text[place + 1..].trim_ascii();
                return rest.is_empty()
                    || rest == b";"
                    || rest.starts_with(b";//")
                    || rest == b"'"
                    || rest == b"\"";
            }
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len() <= CALL_MAX
}

/// Bytes of a call that are read for its end.
const CALL_MAX: usize = 512;

/// `eval(base64_decode(`, `eval(chr(112).`: what decodes or spells what is run.
fn nested(argument: &[u8]) -> bool {
    let length = argument
        .iter()
        .take(NAME_MAX)
        .take_while(|byte| is_word(**byte))
        .count();
    let (name, rest) = argument.split_at(length);
    at(rest, skip_space(rest, 0)) == b'('
        && [
            &b"base64_decode"[..],
            b"gzinflate",
            b"gzuncompress",
            b"str_rot13",
            b"chr",
            b"hex2bin",
            b"urldecode",
            b"file_get_contents",
            b"implode",
            b"strrev",
            b"pack",
        ]
        .iter()
        .any(|decoder| decoder.eq_ignore_ascii_case(name))
}

/// The argument is a command line: a known program, a path or a separator in it.
fn shell_inside(argument: &[u8]) -> bool {
    let inner = argument.get(1..).unwrap_or_default();
    let inner = inner
        .get(
            ..inner
                .iter()
                .position(|byte| matches!(byte, b'\'' | b'"' | b')'))
                .unwrap_or(inner.len()),
        )
        .unwrap_or_default();
    let mut line = [0u8; 96];
    let length = inner.len().min(94);
    line[0] = b';';
    line[1..=length].copy_from_slice(&inner[..length]);
    crate::shell::shell(&line[..=length]).is_some()
}
