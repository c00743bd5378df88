//! Backslash escapes of C, CSS and JavaScript.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::{hex_digit, hex_pair, hex_quad, is_space, narrow};

/// What stands for an escape: bytes read after the backslash, and the byte they mean (none: nothing).
type Escape = Option<(usize, Option<u8>)>;

/// `\a \b \f \n \r \t \v \\ \? \' \" \xHH \OOO`; everything else stays.
pub(super) fn ansi_c<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    unescape(input, arena, |rest| {
        let first = *rest.first()?;
        let simple = control(first).or(b"\\?'\"".contains(&first).then_some(first));
        match first {
            b'x' => hex_pair(&rest[1..]).map(|byte| (3, Some(byte))),
            b'0'..=b'7' => Some(octal(rest, 0o777)),
            _ => simple.map(|byte| (1, Some(byte))),
        }
    })
}

/// `\` and one to six hexadecimal digits, of which the last two bytes count, with the white space after them; `\` and the end of a
/// line, or the end of the value, which is nothing; `\` and anything else, which is that.
pub(super) fn css<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    unescape(input, arena, |rest| {
        let Some(&first) = rest.first() else {
            return Some((0, None));
        };
        let digits: u32 = rest
            .iter()
            .take(6)
            .take_while(|byte| hex_digit(**byte).is_some())
            .count() as u32;
        if digits > 0 {
            let digits = digits as usize;
            let value = |code, byte: &u8| code << 4 | u32::from(hex_digit(*byte).unwrap_or(0));
            let code = rest[..digits].iter().fold(0u32, value);
            let space = usize::from(rest.get(digits).is_some_and(|byte| is_space(*byte)));
            return Some((digits + space, Some(narrow(code))));
        }
        Some((1, (first != b'\n').then_some(first)))
    })
}

/// `\uHHHH \xHH \OOO \a \b \f \n \r \t \v`; `\` and anything else is that.
pub(super) fn js<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    unescape(input, arena, |rest| {
        let first = *rest.first()?;
        let encoded = js_code(rest);
        encoded.or_else(|| match first {
            b'0'..=b'7' => Some(octal(rest, 0o377)),
            _ => Some((1, Some(control(first).unwrap_or(first)))),
        })
    })
}

/// `\uHHHH \xHH \\ \/ \' \"`; everything else stays, as it could be a path of Windows.
pub(super) fn js_ext<'b>(input: &'b [u8], arena: &'b Bump) -> &'b [u8] {
    unescape(input, arena, |rest| {
        let first = *rest.first()?;
        let quoted = b"\\/'\"".contains(&first).then_some((1, Some(first)));
        js_code(rest).or(quoted)
    })
}

fn js_code(rest: &[u8]) -> Escape {
    match rest {
        [b'u', digits @ ..] => hex_quad(digits).map(|code| (5, Some(narrow(code)))),
        [b'x', digits @ ..] => hex_pair(digits).map(|byte| (3, Some(byte))),
        _ => None,
    }
}

fn control(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        _ => return None,
    })
}

/// One to three octal digits, as many as stay within `most`; a byte keeps the lower eight bits.
fn octal(rest: &[u8], most: u32) -> (usize, Option<u8>) {
    let (mut code, mut length) = (0u32, 0);
    for &digit in rest.iter().take(3) {
        let next = match digit {
            b'0'..=b'7' => code << 3 | u32::from(digit - b'0'),
            _ => break,
        };
        if next > most {
            break;
        }
        (code, length) = (next, length + 1);
    }
    (length, Some((code & 0xFF) as u8))
}

fn unescape<'b>(input: &'b [u8], arena: &'b Bump, escape: impl Fn(&[u8]) -> Escape) -> &'b [u8] {
    let Some(first) = memchr::memchr(b'\\', input) else {
        return input;
    };
    let mut out = Vec::with_capacity_in(input.len(), arena);
    out.extend_from_slice(&input[..first]);
    let mut rest = &input[first..];
    while let Some((&byte, after)) = rest.split_first() {
        let found = if byte == b'\\' { escape(after) } else { None };
        match found {
            Some((length, meant)) => {
                out.extend(meant);
                rest = &after[length..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out.into_bump_slice()
}
