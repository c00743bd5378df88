//! What is done to a query string before it is split into arguments.

use std::collections::HashMap;

use bumpalo::Bump;
use bumpalo::collections::Vec;

/// The values of a name in one argument, joined by commas, where the name stands first.
pub(super) fn combine_duplicates<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let pieces = || {
        input
            .split(|&byte| byte == b'&')
            .filter(|piece| !piece.is_empty())
            .map(split)
    };
    let mut values: HashMap<&[u8], std::vec::Vec<&[u8]>> = HashMap::new();
    let mut doubled = false;
    for (name, value) in pieces() {
        let all = values.entry(name).or_default();
        doubled |= !all.is_empty();
        all.push(value.unwrap_or(b""));
    }
    if !doubled {
        return input;
    }
    let mut out = Vec::with_capacity_in(input.len() + 1, arena);
    let mut first = true;
    for (name, value) in pieces() {
        let Some(all) = values.remove(name) else {
            continue;
        };
        if !std::mem::take(&mut first) {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        if value.is_some() || all.len() > 1 {
            out.push(b'=');
        }
        for (index, value) in all.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(value);
        }
    }
    out.into_bump_slice()
}

pub(super) fn replace_semicolons<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if memchr::memchr(b';', input).is_none() {
        return input;
    }
    let out = arena.alloc_slice_copy(input);
    for byte in out.iter_mut().filter(|byte| **byte == b';') {
        *byte = b'&';
    }
    out
}

/// An argument's name, and its value where it has a `=`.
fn split(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', piece) {
        Some(at) => (&piece[..at], Some(&piece[at + 1..])),
        None => (piece, None),
    }
}
