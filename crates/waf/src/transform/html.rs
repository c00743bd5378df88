//! HTML character references.

use bumpalo::Bump;
use bumpalo::collections::Vec;

/// Bytes of a name or number that are looked at, at most.
const REFERENCE_MAX: usize = 24;

/// The names the documentation lists, in small letters: their case does not count.
const NAMED: [(&[u8], u8); 46] = [
    (b"quot", b'"'),
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"nbsp", 160),
    (b"nonbreakingspace", 160),
    (b"newline", b'\n'),
    (b"tab", b'\t'),
    (b"lcub", b'{'),
    (b"lbrace", b'{'),
    (b"rcub", b'}'),
    (b"rbrace", b'}'),
    (b"excl", b'!'),
    (b"num", b'#'),
    (b"dollar", b'$'),
    (b"percnt", b'%'),
    (b"apos", b'\''),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"ast", b'*'),
    (b"midast", b'*'),
    (b"plus", b'+'),
    (b"comma", b','),
    (b"period", b'.'),
    (b"sol", b'/'),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"equals", b'='),
    (b"quest", b'?'),
    (b"commat", b'@'),
    (b"verbar", b'|'),
    (b"vert", b'|'),
    (b"verticalline", b'|'),
    (b"lsqb", b'['),
    (b"lbrack", b'['),
    (b"rsqb", b']'),
    (b"rbrack", b']'),
    (b"hat", b'^'),
    (b"lowbar", b'_'),
    (b"underbar", b'_'),
    (b"grave", b'`'),
    (b"diacriticalgrave", b'`'),
    (b"tilde", b'~'),
    (b"diacriticaltilde", b'~'),
    (b"minus", b'-'),
    (b"bsol", b'\\'),
];

/// References as the characters they mean; a semicolon behind them belongs to them, and may be missing.
///
/// Codes to 255 are one byte, as no-break space is in the documentation (160); above, UTF-8.
pub(super) fn decode<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    let Some(first) = memchr::memchr(b'&', input) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    while let Some((&byte, after)) = rest.split_first() {
        let length = if byte == b'&' {
            reference(after, &mut out)
        } else {
            0
        };
        if length == 0 {
            out.push(byte);
            rest = after;
        } else {
            let semicolon = usize::from(after.get(length) == Some(&b';'));
            rest = &after[length + semicolon..];
        }
    }
    out.into_bump_slice()
}

/// Writes what the reference at the start of `rest` means; its length without the semicolon, 0 if there is none.
fn reference(rest: &[u8], out: &mut Vec<'_, u8>) -> usize {
    match rest {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16, out).map_or(0, |length| length + 2),
        [b'#', digits @ ..] => number(digits, 10, out).map_or(0, |length| length + 1),
        _ => {
            let letters = rest
                .iter()
                .take(REFERENCE_MAX)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            let same = |name: &[u8], length| name.eq_ignore_ascii_case(&rest[..length]);
            let whole = NAMED.iter().find(|(name, _)| same(name, letters));
            // Browsers read these without a semicolon, whatever follows.
            let begun = || {
                NAMED[..5]
                    .iter()
                    .find(|(name, _)| name.len() <= letters && same(name, name.len()))
            };
            whole.or_else(begun).map_or(0, |(name, byte)| {
                out.push(*byte);
                name.len()
            })
        }
    }
}

fn number(digits: &[u8], radix: u32, out: &mut Vec<'_, u8>) -> Option<usize> {
    let length = digits
        .iter()
        .take(REFERENCE_MAX)
        .take_while(|byte| (**byte as char).is_digit(radix))
        .count();
    let value = |code: u32, byte: &u8| {
        code.saturating_mul(radix)
            .saturating_add((*byte as char).to_digit(radix).unwrap_or(0))
    };
    let code = digits[..length].iter().fold(0u32, value);
    if length == 0 {
        return None;
    }
    if code <= 0xFF {
        out.push(code as u8);
    } else {
        let character = char::from_u32(code)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(length)
}
