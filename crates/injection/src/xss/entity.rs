//! Character references of HTML, as far as they can spell markup or script.

use crate::bytes::at;

/// The named references that stand for characters attacks need.
const NAMED: &[(&str, u8)] = &[
    ("lt", b'<'),
    ("gt", b'>'),
    ("amp", b'&'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("colon", b':'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("tab", b'\t'),
    ("newline", b'\n'),
    ("equals", b'='),
    ("sol", b'/'),
    ("semi", b';'),
    ("period", b'.'),
    ("lbrace", b'{'),
    ("lcub", b'{'),
    ("rcub", b'}'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("rsqb", b']'),
    ("comma", b','),
    ("grave", b'`'),
    ("nbsp", b' '),
    ("bsol", b'\\'),
    ("plus", b'+'),
    ("num", b'#'),
    ("excl", b'!'),
    ("lowbar", b'_'),
];

/// The character a reference at `place` stands for and the bytes it takes; characters outside ASCII are 0xff.
pub(super) fn reference(text: &[u8], place: usize) -> Option<(u8, usize)> {
    if at(text, place) != b'&' {
        return None;
    }
    if at(text, place + 1) == b'#' {
        return number(text, place);
    }
    let name = text.get(place + 1..)?;
    let length = name
        .iter()
        .take(9)
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(name.len().min(9));
    let ended = at(name, length) == b';';
    let whole = NAMED.iter().find(|(entry, _)| {
        name[..length].eq_ignore_ascii_case(entry.as_bytes()) && (ended || entry.len() <= 4)
    });
    whole.map(|&(_, byte)| (byte, 1 + length + usize::from(ended)))
}

fn number(text: &[u8], place: usize) -> Option<(u8, usize)> {
    let hex = matches!(at(text, place + 2), b'x' | b'X');
    let digits = place + 2 + usize::from(hex);
    let mut end = digits;
    let mut value = 0u32;
    while end - digits < 12 {
        let digit = match at(text, end) {
            byte @ b'0'..=b'9' => u32::from(byte - b'0'),
            byte @ (b'a'..=b'f' | b'A'..=b'F') if hex => u32::from((byte | 0x20) - b'a' + 10),
            _ => break,
        };
        value = value
            .saturating_mul(if hex { 16 } else { 10 })
            .saturating_add(digit);
        end += 1;
    }
    if end == digits {
        return None;
    }
    let byte = u8::try_from(value)
        .ok()
        .filter(u8::is_ascii)
        .unwrap_or(0xff);
    Some((byte, end - place + usize::from(at(text, end) == b';')))
}

/// The text with its references replaced once, if there is one that matters.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let first = (0..text.len()).find(|&place| {
        text[place] == b'&'
            && reference(text, place).is_some_and(|(byte, _)| byte != b'&' && byte != b' ')
    })?;
    let mut out = text[..first].to_vec();
    let mut place = first;
    while place < text.len() {
        match reference(text, place) {
            Some((byte, length)) => {
                out.push(byte);
                place += length;
            }
            None => {
                out.push(text[place]);
                place += 1;
            }
        }
    }
    Some(out)
}

/// The bytes of an attribute's value as a browser reads a scheme: references decoded, white space and controls gone.
pub(super) struct Squeezed<'a> {
    text: &'a [u8],
    place: usize,
}

impl<'a> Squeezed<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, place: 0 }
    }
}

impl Iterator for Squeezed<'_> {
    type Item = (u8, usize);

    fn next(&mut self) -> Option<(u8, usize)> {
        loop {
            let &raw = self.text.get(self.place)?;
            let (byte, length) = reference(self.text, self.place).unwrap_or((raw, 1));
            self.place += length;
            if byte > b' ' {
                return Some((byte.to_ascii_lowercase(), self.place));
            }
        }
    }
}
