//! What a value says when it is read once more: encoded twice, escaped, in base64.
//!
//! An application may decode what it was given again, or hand it to something that does. Each further reading is taken only where its
//! marks are there, so a plain value costs a look for them and nothing else.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use palisade_waf::Bump;
use palisade_waf::transform::Transformation;

/// Decodings after one another, at most.
const DEPTH_MAX: usize = 3;
/// Readings of a value besides itself, at most.
const READINGS_MAX: usize = 12;
/// Bytes of a value that are decoded from base64, at most.
const BASE64_BYTES_MAX: usize = 1 << 20;

/// Shows `look` the value, with `true`, and each further reading, until it says that it is enough.
pub(crate) fn each_reading(value: &[u8], look: &mut dyn FnMut(&[u8], bool) -> bool) {
    if look(value, true) {
        return;
    }
    let mut left = READINGS_MAX;
    further(value, DEPTH_MAX, &mut left, look);
}

fn further(
    value: &[u8],
    depth: usize,
    left: &mut usize,
    look: &mut dyn FnMut(&[u8], bool) -> bool,
) -> bool {
    if depth == 0 {
        return false;
    }
    let marks = Marks::of(value);
    type Decode = fn(&[u8]) -> Option<Vec<u8>>;
    let decodings: [(bool, Decode); 5] = [
        (marks.percent, percent),
        (marks.backslash, escapes),
        (marks.ampersand, entities),
        (marks.overlong, overlong),
        (!marks.other, base64_text),
    ];
    for (_, decode) in decodings.iter().filter(|(marked, _)| *marked) {
        let Some(reading) = decode(value).filter(|reading| reading != value) else {
            continue;
        };
        if *left == 0 {
            return true;
        }
        *left -= 1;
        if look(&reading, false) || further(&reading, depth - 1, left, look) {
            return true;
        }
    }
    false
}

/// What a value holds that another reading starts from.
struct Marks {
    percent: bool,
    backslash: bool,
    ampersand: bool,
    overlong: bool,
    /// What stands in no base64.
    other: bool,
}

impl Marks {
    fn of(value: &[u8]) -> Marks {
        let has = |byte| memchr::memchr(byte, value).is_some();
        let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
        Marks {
            percent: has(b'%'),
            backslash: has(b'\\'),
            ampersand: has(b'&'),
            overlong: memchr::memchr3(0xc0, 0xc1, 0xe0, value).is_some(),
            other: value.len() < 8 || !value.iter().all(base64),
        }
    }
}

fn percent(value: &[u8]) -> Option<Vec<u8>> {
    let arena = Bump::new();
    let decoded = Transformation::UrlDecodeUni.apply(value, &arena);
    // `+` means a blank only where a value was encoded as a form does; without a hexadecimal pair nothing was.
    let pairs = value.windows(3).any(|window| {
        window[0] == b'%' && (window[1] | 0x20 == b'u' || hex(window[1]) && hex(window[2]))
    });
    pairs.then(|| decoded.to_vec())
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// `\u0027`, `\x27`, `\'` of JSON and JavaScript.
fn escapes(value: &[u8]) -> Option<Vec<u8>> {
    let coded = value
        .windows(2)
        .any(|pair| pair[0] == b'\\' && matches!(pair[1], b'u' | b'x' | b'U' | b'X'));
    coded.then(|| unescaped(value))
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    while let Some(&byte) = value.get(place) {
        let (digits, length) = match value.get(place + 1) {
            Some(b'u' | b'U') if byte == b'\\' => (value.get(place + 2..place + 6), 6),
            Some(b'x' | b'X') if byte == b'\\' => (value.get(place + 2..place + 4), 4),
            _ => (None, 0),
        };
        let code = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                // Half of a pair of surrogates is no character.
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                place += length;
            }
            None => {
                out.push(byte);
                place += 1;
            }
        }
    }
    out
}

/// `&lt;`, `&#60;`.
fn entities(value: &[u8]) -> Option<Vec<u8>> {
    let arena = Bump::new();
    Some(
        Transformation::HtmlEntityDecode
            .apply(value, &arena)
            .to_vec(),
    )
}

/// ASCII written in two or three bytes of UTF-8, which lenient decoders read.
fn overlong(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (0xc0 | 0xc1, [next @ 0x80..=0xbf, more @ ..]) => {
                out.push((first & 1) << 6 | next & 0x3f);
                more
            }
            (0xe0, [high @ 0x80..=0x81, low @ 0x80..=0xbf, more @ ..]) => {
                out.push((high & 1) << 6 | low & 0x3f);
                more
            }
            _ => {
                out.push(*first);
                after
            }
        };
    }
    Some(out)
}

/// The text a value in base64 holds, of either alphabet, padded or not; nothing if it holds no text.
fn base64_text(value: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
    if value.len() > BASE64_BYTES_MAX {
        return None;
    }
    let decoded = STANDARD
        .decode(value)
        .or_else(|_| URL_SAFE.decode(value))
        .ok()?;
    let text = decoded
        .iter()
        .all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    (text && std::str::from_utf8(&decoded).is_ok() && decoded.len() >= 6).then_some(decoded)
}

/// Whether the value is no text: bytes that no text holds are many in its beginning.
pub(crate) fn is_binary(value: &[u8]) -> bool {
    const LOOKED_AT: usize = 512;
    if value.len() < 32 {
        return false;
    }
    let head = &value[..value.len().min(LOOKED_AT)];
    let control = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let controls = head.iter().filter(control).count();
    if controls == 0 {
        return false;
    }
    let high = head.iter().filter(|byte| **byte >= 0x80).count();
    controls * 16 > head.len() && (high > 0 || controls * 8 > head.len())
}
