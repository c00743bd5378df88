//! Percent encoding, path normalisation and hex, as Signature Version 4 wants them.
//!
//! Unreserved characters are those of RFC 3986 (`A-Z a-z 0-9 - . _ ~`); every other byte becomes
//! `%XY` with upper-case digits.

use std::borrow::Cow;

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// Whether a byte stands for itself in a canonical request.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Appends `byte` percent-encoded, reserved or not.
pub(crate) fn push_escape(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[
        b'%',
        UPPER[usize::from(byte >> 4)],
        UPPER[usize::from(byte & 15)],
    ]);
}

/// Appends `bytes` encoded once; `/` is kept when `keep_slash`.
pub(crate) fn push_encoded(out: &mut Vec<u8>, bytes: &[u8], keep_slash: bool) {
    for &byte in bytes {
        if is_unreserved(byte) || (keep_slash && byte == b'/') {
            out.push(byte);
        } else {
            push_escape(out, byte);
        }
    }
}

/// Appends `text`, which may be encoded already, in canonical encoding: a valid escape is decoded
/// and encoded anew, every other byte is encoded. `+` is a plus sign, never a space.
/// An escaped `/` stays escaped.
pub(crate) fn push_reencoded(out: &mut Vec<u8>, text: &[u8], keep_slash: bool) {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some((decoded, tail)) = take_escape(rest) {
            if is_unreserved(decoded) {
                out.push(decoded);
            } else {
                push_escape(out, decoded);
            }
            rest = tail;
            continue;
        }
        if is_unreserved(byte) || (keep_slash && byte == b'/') {
            out.push(byte);
        } else {
            push_escape(out, byte);
        }
        rest = after;
    }
}

/// Whether [`push_reencoded`] would leave `text` as it is.
pub(crate) fn is_canonical(text: &[u8], keep_slash: bool) -> bool {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if is_unreserved(byte) || (keep_slash && byte == b'/') {
            rest = after;
        } else if let [b'%', high, low, tail @ ..] = rest {
            match (hex_value(*high), hex_value(*low)) {
                (Some(h), Some(l))
                    if !is_unreserved(h << 4 | l)
                        && !high.is_ascii_lowercase()
                        && !low.is_ascii_lowercase() =>
                {
                    rest = tail;
                }
                _ => return false,
            }
        } else {
            return false;
        }
    }
    true
}

/// Percent-decodes a query component; `+` stays a plus sign. `None` if the result is no UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if let Some((decoded, tail)) = take_escape(rest) {
            out.push(decoded);
            rest = tail;
        } else {
            out.push(byte);
            rest = after;
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Appends the canonical path of every service but S3: dot segments and repeated slashes are
/// removed, then each byte as sent is encoded once more (so `%` becomes `%25`).
pub(crate) fn push_normalized_path(out: &mut Vec<u8>, path: &str) {
    if !path.contains("//") && !path.contains("/.") && path.starts_with('/') {
        push_encoded(out, path.as_bytes(), true);
        return;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    for segment in &segments {
        out.push(b'/');
        push_encoded(out, segment.as_bytes(), false);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Lower-case hex of 32 bytes.
pub(crate) fn hex32(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = LOWER[usize::from(byte >> 4)];
        pair[1] = LOWER[usize::from(byte & 15)];
    }
    out
}

/// Reads 64 hex digits of either case.
pub(crate) fn parse_hex32(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(out)
}

/// The value of one hex digit of either case.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn take_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', high, low, tail @ ..] => Some((hex_value(*high)? << 4 | hex_value(*low)?, tail)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reencoded(text: &str) -> String {
        let mut out = Vec::new();
        push_reencoded(&mut out, text.as_bytes(), true);
        String::from_utf8(out).unwrap()
    }

    fn normalized(path: &str) -> String {
        let mut out = Vec::new();
        push_normalized_path(&mut out, path);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_kept_and_written_in_upper_case() {
        assert_eq!(reencoded("/a%2fb%7Ec"), "/a%2Fb~c");
        assert_eq!(reencoded("a+b c%zz%"), "a%2Bb%20c%25zz%25");
    }

    #[test]
    fn canonical_text_is_what_reencoding_leaves_alone() {
        for text in [
            "/a/b", "/a%2Fb", "/a%2fb", "/%41", "/a b", "/a+b", "/%", "/%4", "/é", "~",
        ] {
            assert_eq!(
                is_canonical(text.as_bytes(), true),
                reencoded(text) == text,
                "{text}"
            );
        }
    }

    #[test]
    fn paths_lose_dot_segments_and_repeated_slashes() {
        let cases = [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/../..", "/"),
            ("/a/./b/../c", "/a/c"),
            ("/a/b/..", "/a"),
            ("//a//", "/a/"),
            ("/a%20b", "/a%2520b"),
            ("/.hidden", "/.hidden"),
            ("/a..b", "/a..b"),
            ("a", "/a"),
        ];
        for (raw, canonical) in cases {
            assert_eq!(normalized(raw), canonical, "{raw}");
        }
    }

    #[test]
    fn hex_goes_both_ways() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 37) as u8);
        assert_eq!(parse_hex32(&hex32(&bytes)), Some(bytes));
        assert_eq!(parse_hex32(b"zz"), None);
    }
}
