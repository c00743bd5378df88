//! Case, white space, NUL bytes and command lines.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::is_space;

/// A no-break space in ISO 8859-1, which the documentation counts as white space.
const NBSP: u8 = 160;

pub(super) fn lowercase<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if !input.iter().any(u8::is_ascii_uppercase) {
        return input;
    }
    let out = arena.alloc_slice_copy(input);
    out.make_ascii_lowercase();
    out
}

pub(super) fn uppercase<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if !input.iter().any(u8::is_ascii_lowercase) {
        return input;
    }
    let out = arena.alloc_slice_copy(input);
    out.make_ascii_uppercase();
    out
}

pub(super) fn compress_white_space<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let other = |byte: u8| byte == NBSP || (byte != b' ' && is_space(byte));
    let plain = |pair: &[u8]| !other(pair[0]) && pair != b"  ";
    if input.windows(2).all(plain) && !input.last().is_some_and(|&byte| other(byte)) {
        return input;
    }
    let mut out = Vec::with_capacity_in(input.len(), arena);
    for &byte in input {
        if byte == b' ' || other(byte) {
            if out.last() != Some(&b' ') {
                out.push(b' ');
            }
        } else {
            out.push(byte);
        }
    }
    out.into_bump_slice()
}

pub(super) fn remove_white_space<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    keep(input, arena, |byte| !is_space(byte) && byte != NBSP)
}

pub(super) fn remove_nulls<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    keep(input, arena, |byte| byte != 0)
}

pub(super) fn replace_nulls<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if memchr::memchr(0, input).is_none() {
        return input;
    }
    let out = arena.alloc_slice_copy(input);
    for byte in out.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    out
}

pub(super) fn trim_left(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|&byte| !is_space(byte));
    &input[start.unwrap_or(input.len())..]
}

pub(super) fn trim_right(input: &[u8]) -> &[u8] {
    let end = input.iter().rposition(|&byte| !is_space(byte));
    &input[..end.map_or(0, |last| last + 1)]
}

/// Deletes `\ " ' ^` and spaces before `/ (`; `, ;` become spaces, several spaces one, letters small.
pub(super) fn cmd_line<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let special = |byte: &u8| byte.is_ascii_uppercase() || br#"\"'^/(,; "#.contains(byte);
    if !input.iter().any(special) {
        return input;
    }
    let mut out = Vec::with_capacity_in(input.len(), arena);
    for &byte in input {
        match byte {
            b'\\' | b'"' | b'\'' | b'^' => {}
            b' ' | b',' | b';' => {
                if out.last() != Some(&b' ') {
                    out.push(b' ');
                }
            }
            b'/' | b'(' => {
                if out.last() == Some(&b' ') {
                    out.pop();
                }
                out.push(byte);
            }
            _ => out.push(byte.to_ascii_lowercase()),
        }
    }
    out.into_bump_slice()
}

/// Deletes `\ " '`; white space becomes one space and none at the ends, letters small.
pub(super) fn cmd_line_unix<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    shell(input, arena, |byte| matches!(byte, b'\\' | b'"' | b'\''))
}

/// Deletes `" ' ^`; several `\` become one, white space one space and none at the ends, letters small. A `^` before the end of
/// a line continues it, so both go.
pub(super) fn cmd_line_win<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let mut joined = Vec::with_capacity_in(input.len(), arena);
    let mut rest = input;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'^' {
            let line_end = [&b"\r\n"[..], b"\n"];
            let end = line_end.iter().find(|end| rest.starts_with(end));
            rest = &rest[end.map_or(0, |end| end.len())..];
        } else if byte != b'\\' || joined.last() != Some(&b'\\') {
            joined.push(byte);
        }
    }
    let quoted = |byte| matches!(byte, b'"' | b'\'');
    let out = shell(joined.into_bump_slice(), arena, quoted);
    // Quotes between backslashes are gone only now.
    let mut previous = 0;
    keep(out, arena, move |byte| {
        let doubled = byte == b'\\' && previous == b'\\';
        previous = byte;
        !doubled
    })
}

fn shell<'b>(input: &'b [u8], arena: &'b Bump, deleted: impl Fn(u8) -> bool) -> &'b [u8] {
    let mut out = Vec::with_capacity_in(input.len(), arena);
    for &byte in input {
        if is_space(byte) {
            if !out.is_empty() && out.last() != Some(&b' ') {
                out.push(b' ');
            }
        } else if !deleted(byte) {
            out.push(byte.to_ascii_lowercase());
        }
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    out.into_bump_slice()
}

fn keep<'b>(input: &'b [u8], arena: &'b Bump, mut kept: impl FnMut(u8) -> bool) -> &'b [u8] {
    let Some(first) = input.iter().position(|&byte| !kept(byte)) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    out.extend(
        input[first + 1..]
            .iter()
            .copied()
            .filter(|&byte| kept(byte)),
    );
    out.into_bump_slice()
}
