//! What a shell makes words of: braces, brackets, tildes, its history, aliases.

use super::Found;
use super::commands::{self, Name};
use crate::bytes::{Profile, at, has_at, is_space, is_word, skip_space};

pub(super) fn expansion(value: &[u8], profile: Profile) -> Option<Found> {
    let braces = || {
        if profile.any(Profile::BRACE) {
            braces(value)
        } else {
            None
        }
    };
    let brackets = || {
        if profile.all(Profile::BRACKET) && profile.any(Profile::SLASH | Profile::DOLLAR) {
            brackets(value)
        } else {
            None
        }
    };
    let alias = || {
        if profile.any(Profile::EQUALS) {
            alias(value)
        } else {
            None
        }
    };
    whole(value, profile)
        .or_else(braces)
        .or_else(brackets)
        .or_else(alias)
}

/// The value is nothing but an expansion: `~+`, `~-1`, `!-1!-2`.
fn whole(value: &[u8], profile: Profile) -> Option<Found> {
    if value.len() > 24 {
        return None;
    }
    let value = value.trim_ascii();
    // `$(cmd)`, `<(cmd)`: nothing but a substitution.
    let inside = [&b"$("[..], b"<(", b">("]
        .iter()
        .find_map(|open| value.strip_prefix(*open))
        .and_then(|rest| rest.strip_suffix(b")"));
    if inside.is_some_and(|inside| inside.len() > 1 && inside.iter().all(u8::is_ascii_lowercase)) {
        return Some((0, value.len(), "substitution"));
    }
    if profile.any(Profile::ALPHA) {
        return None;
    }
    let number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let tilde = value
        .strip_prefix(b"~")
        .filter(|rest| matches!(at(rest, 0), b'+' | b'-') && number(&rest[1..]));
    let history = value.strip_prefix(b"!-").filter(|rest| {
        !rest.is_empty()
            && rest
                .split(|&byte| byte == b'!')
                .all(|part| number(part.strip_prefix(b"-").unwrap_or(part)))
    });
    (tilde.is_some() || history.is_some()).then_some((0, value.len(), "shell-expansion"))
}

/// `{ls,-lh}`, `c{a,ou}t`, `{,ip,a}`: a command whose words, or letters, stand in braces.
fn braces(value: &[u8]) -> Option<Found> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'{') {
        let inside = &value[place + 1..value.len().min(place + 65)];
        let Some(close) = inside.iter().position(|&byte| byte == b'}') else {
            continue;
        };
        let inside = &inside[..close];
        let plain = inside
            .iter()
            .all(|byte| is_word(*byte) || matches!(byte, b',' | b'-' | b'/' | b'.' | b'~' | b'+'));
        if !plain
            || !inside.contains(&b',')
            || place > 0 && matches!(value[place - 1], b'$' | b'%' | b'#' | b'@' | b'\\')
        {
            continue;
        }
        let start = place
            - value[..place]
                .iter()
                .rev()
                .take(16)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
        let tail = place + close + 2;
        let end = tail
            + value[tail.min(value.len())..]
                .iter()
                .take(16)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
        // The value, or what stands behind a separator, is this word and nothing else.
        let before = value[..start]
            .trim_ascii_end()
            .last()
            .copied()
            .unwrap_or(b';');
        let after = value
            .get(end..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first()
            .copied()
            .unwrap_or(b';');
        if !matches!(before, b';' | b'|' | b'&' | b'(' | b'`')
            || !matches!(after, b';' | b'|' | b'&' | b')' | b'`' | b'<' | b'>')
        {
            continue;
        }
        let (head, tail) = (&value[start..place], &value[tail..end]);
        let spelled = |piece: &[u8]| [head, piece, tail].concat();
        let mut pieces = inside.split(|&byte| byte == b',');
        let empty = inside.starts_with(b",") || inside.ends_with(b",");
        let named = pieces.any(|piece| {
            let known = commands::name(&spelled(piece).to_ascii_lowercase());
            known.is_some_and(|name| {
                name == Name::Command
                    || (empty || inside.contains(&b'-') || !head.is_empty())
                        && name >= Name::Program
            })
        });
        let option = inside.windows(2).any(|pair| pair == b",-");
        if named || option && (!head.is_empty() || !tail.is_empty() || value.len() <= close + 16) {
            return Some((start, end, "brace-expansion"));
        }
    }
    None
}

/// Bytes of a path, at most.
const PATH_MAX: usize = 64;

/// `/etc/[p]asswd`, `/usr/bin/[u]name`, `$[2+2]`: letters of a path in brackets, and the old way to compute.
fn brackets(value: &[u8]) -> Option<Found> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'[') {
        let inside = &value[place + 1..value.len().min(place + 25)];
        let Some(close) = inside.iter().position(|&byte| byte == b']') else {
            continue;
        };
        let (inside, after) = (&inside[..close], at(value, place + close + 2));
        let before = if place == 0 { 0 } else { value[place - 1] };
        let computes = before == b'$'
            && inside.first().is_some_and(u8::is_ascii_digit)
            && inside
                .iter()
                .all(|byte| byte.is_ascii_digit() || b"+-*/ ".contains(byte));
        if computes && place < 24 {
            return Some((place - 1, place + close + 2, "arithmetic-expansion"));
        }
        let floor = place.saturating_sub(PATH_MAX);
        let start = value[floor..place]
            .iter()
            .rposition(|&byte| is_space(byte) || matches!(byte, b'=' | b';' | b'|' | b'&'))
            .map_or(floor, |last| floor + last + 1);
        let path = &value[start..place];
        let letters = !inside.is_empty()
            && inside.iter().all(|byte| {
                byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'?' | b'/' | b'!' | b'^')
            });
        let continues = after.is_ascii_lowercase() || before.is_ascii_lowercase() && after == b'/';
        let rooted = path.starts_with(b"/")
            && path.iter().all(|byte| {
                byte.is_ascii_lowercase() || matches!(byte, b'/' | b'[' | b']' | b'-' | b'?')
            });
        let sentence = value[place..]
            .iter()
            .take(4 * PATH_MAX)
            .filter(|byte| is_space(**byte))
            .count()
            > 3;
        if letters && continues && rooted && !sentence && after != b'(' {
            return Some((start, place + close + 2, "bracketed-path"));
        }
    }
    None
}

/// `alias a=b`, `alias -p x=y`: a command is given another name.
fn alias(value: &[u8]) -> Option<Found> {
    let start = skip_space(value, 0);
    let start = start
        + usize::from(matches!(
            at(value, start),
            b';' | b'&' | b'|' | b'"' | b'\''
        ));
    let start = skip_space(value, start);
    if !has_at(value, start, b"alias") || !is_space(at(value, start + 5)) {
        return None;
    }
    let mut place = skip_space(value, start + 5);
    while matches!(at(value, place), b'-' | b'+') {
        place += value[place..].iter().position(|byte| is_space(*byte))?;
        place = skip_space(value, place);
    }
    let quoted = usize::from(matches!(at(value, place), b'"' | b'\''));
    let length = value
        .get(place + quoted..)?
        .iter()
        .take(32)
        .take_while(|byte| is_word(**byte))
        .count();
    let end = place + quoted + length + quoted;
    (length > 0 && at(value, end) == b'=' && at(value, end + 1) > b' ').then_some((
        start,
        end + 1,
        "alias",
    ))
}
