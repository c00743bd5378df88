//! Style sheets that run or load something.

use crate::bytes::at;

/// Properties and functions of CSS, old and new, that reach outside or run script, and what leaves a style attribute.
const WORDS: &[&str] = &[
    "expression(",
    "-moz-binding",
    "behavior:",
    "behaviour:",
    "-o-link",
    "@import",
    "binding:",
    "url(",
    "javascript:",
    "vbscript:",
    "filter:progid",
];

/// Whether the text, read as CSS with its comments and escapes gone, runs something.
pub(super) fn runs(text: &[u8]) -> bool {
    let mut clean = [0u8; 256];
    let mut length = 0;
    let mut place = 0;
    let mut string = 0;
    while place < text.len() && length < clean.len() {
        let byte = text[place];
        if matches!(byte, b'"' | b'\'') {
            string = if string == byte { 0 } else { byte };
        }
        if string == 0 && byte == b'/' && at(text, place + 1) == b'*' {
            let Some(end) = text[place + 2..].windows(2).position(|pair| pair == b"*/") else {
                break;
            };
            place += end + 4;
            continue;
        }
        if byte == b'\\' {
            let (decoded, taken) = escape(text, place);
            clean[length] = decoded;
            place += taken;
        } else if byte <= b' ' || byte >= 0x80 {
            place += 1;
            continue;
        } else if let Some((decoded, taken)) = super::entity::reference(text, place) {
            clean[length] = decoded.to_ascii_lowercase();
            place += taken;
        } else {
            clean[length] = byte.to_ascii_lowercase();
            place += 1;
        }
        length += 1;
    }
    let clean = &clean[..length];
    // Comments and escapes have no use in a style attribute but to hide a word.
    let hidden = text.windows(2).any(|pair| pair == b"/*") || text.contains(&b'\\');
    let left = clean.contains(&b':') && clean.iter().any(|byte| matches!(byte, b'{' | b'}'));
    let torn = text.windows(3).any(|three| {
        matches!(three[1], b'\'' | b'"')
            && three[0].is_ascii_alphanumeric()
            && three[2].is_ascii_alphanumeric()
    });
    hidden
        || left
        || torn
        || WORDS.iter().any(|word| {
            clean
                .windows(word.len())
                .any(|window| window == word.as_bytes())
        })
}

/// A CSS escape: up to six hex digits and one blank, or the next byte itself.
fn escape(text: &[u8], place: usize) -> (u8, usize) {
    let digits = text[place + 1..]
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if digits == 0 {
        return (at(text, place + 1).to_ascii_lowercase(), 2);
    }
    let value = text[place + 1..=place + digits]
        .iter()
        .fold(0u32, |sum, &byte| {
            sum * 16 + (byte as char).to_digit(16).unwrap_or(0)
        });
    let blank = usize::from(at(text, place + 1 + digits) == b' ');
    (
        u8::try_from(value).unwrap_or(0xff).to_ascii_lowercase(),
        1 + digits + blank,
    )
}
