//! URL, Base64 and hexadecimal encodings, hashes, and UTF-8 to `%u` form.

use bumpalo::Bump;
use bumpalo::collections::Vec;
use md5::Digest as _;

use super::{hex_pair, hex_quad, narrow};

/// `%HH` and `+`, and `%uHHHH` where `microsoft`; what is not an encoding stays.
pub(super) fn url<'b>(input: &'b [u8], microsoft: bool, arena: &'b Bump) -> &'b [u8] {
    let Some(first) = memchr::memchr2(b'%', b'+', input) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    while let Some((&byte, after)) = rest.split_first() {
        let unicode = microsoft && byte == b'%' && matches!(after.first(), Some(b'u' | b'U'));
        let (decoded, length) = match byte {
            b'+' => (b' ', 1),
            b'%' if unicode => match after.get(1..).and_then(hex_quad) {
                Some(code) => (narrow(code), 6),
                None => (byte, 1),
            },
            b'%' => hex_pair(after).map_or((byte, 1), |decoded| (decoded, 3)),
            _ => (byte, 1),
        };
        out.push(decoded);
        rest = &rest[length..];
    }
    out.into_bump_slice()
}

/// Base64 of the standard alphabet with its padding; what is not that whole stays as it is.
pub(super) fn base64<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let padding = input.iter().rev().take_while(|byte| **byte == b'=').count();
    let (digits, _) = input.split_at(input.len() - padding);
    let whole = input.len().is_multiple_of(4) && padding <= 2;
    if whole && digits.iter().all(|byte| sextet(*byte).is_some()) {
        base64_ext(digits, arena)
    } else {
        input
    }
}

/// Base64 of the standard alphabet, as if everything else were not there. Bits that make no whole byte are dropped.
pub(super) fn base64_ext<'b>(input: &[u8], arena: &'b Bump) -> &'b [u8] {
    let mut out = Vec::with_capacity_in(input.len() / 4 * 3 + 3, arena);
    let (mut bits, mut count) = (0u32, 0);
    for sextet in input.iter().filter_map(|byte| sextet(*byte)) {
        bits = bits << 6 | u32::from(sextet);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xFF) as u8);
        }
    }
    out.into_bump_slice()
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Pairs of hexadecimal digits as bytes, from the start; from the first that is no pair on, as it is.
pub(super) fn hex<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let mut out = Vec::with_capacity_in(input.len(), arena);
    let mut rest = input;
    while let Some(byte) = hex_pair(rest) {
        out.push(byte);
        rest = &rest[2..];
    }
    if rest.len() == input.len() {
        return input;
    }
    out.extend_from_slice(rest);
    out.into_bump_slice()
}

/// Every `0x` with pairs of digits behind it as the bytes those say.
pub(super) fn sql_hex<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let starts = |at: usize| {
        input[at] == b'0'
            && matches!(input.get(at + 1), Some(b'x' | b'X'))
            && input.get(at + 2..).and_then(hex_pair).is_some()
    };
    let Some(first) = (0..input.len()).find(|&at| starts(at)) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    let mut at = first;
    while at < input.len() {
        if !starts(at) {
            out.push(input[at]);
            at += 1;
            continue;
        }
        at += 2;
        while let Some(byte) = input.get(at..).and_then(hex_pair) {
            out.push(byte);
            at += 2;
        }
    }
    out.into_bump_slice()
}

pub(super) fn md5<'b>(input: &[u8], arena: &'b Bump) -> &'b [u8] {
    arena.alloc_slice_copy(&md5::Md5::digest(input))
}

pub(super) fn sha256<'b>(input: &[u8], arena: &'b Bump) -> &'b [u8] {
    arena.alloc_slice_copy(&sha2::Sha256::digest(input))
}

/// Characters outside ASCII as `%u` and at least four small hexadecimal digits; bytes that are not UTF-8 stay.
pub(super) fn utf8_to_unicode<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    if input.is_ascii() {
        return input;
    }
    let mut out = Vec::with_capacity_in(input.len() * 3, arena);
    for chunk in input.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_ascii() {
                out.push(character as u8);
            } else {
                push_unicode(&mut out, character as u32);
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    out.into_bump_slice()
}

fn push_unicode(out: &mut Vec<'_, u8>, code: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"%u");
    let digits = if code > 0xF_FFFF {
        6
    } else if code > 0xFFFF {
        5
    } else {
        4
    };
    for place in (0..digits).rev() {
        out.push(DIGITS[(code >> (4 * place) & 0xF) as usize]);
    }
}
