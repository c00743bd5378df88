//! Byte classes: what kinds of byte a value holds decides which detectors need to look at it at all.

/// The kinds of byte a value holds, as a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile(u32);

macro_rules! classes {
    ($($name:ident $bit:literal $bytes:expr;)*) => {
        impl Profile {
            $(pub(crate) const $name: u32 = 1 << $bit;)*
        }
        const fn table() -> [u32; 256] {
            let mut table = [0u32; 256];
            $({
                let bytes: &[u8] = $bytes;
                let mut at = 0;
                while at < bytes.len() {
                    table[bytes[at] as usize] |= 1 << $bit;
                    at += 1;
                }
            })*
            let mut byte = 0;
            while byte < 256 {
                let b = byte as u8;
                if b.is_ascii_alphabetic() {
                    table[byte] |= Profile::ALPHA;
                } else if b.is_ascii_digit() {
                    table[byte] |= Profile::DIGIT;
                } else if b >= 0x80 {
                    table[byte] |= Profile::HIGH;
                } else if b < 0x20 || b == 0x7f {
                    table[byte] |= Profile::CONTROL;
                }
                byte += 1;
            }
            table
        }
    };
}

classes! {
    QUOTE 2 b"'\"`";
    SPACE 3 b" \t\r\n\x0b\x0c";
    ANGLE 4 b"<>";
    PAREN 5 b"(";
    SEMICOLON 6 b";";
    DOLLAR 7 b"$";
    AMPERSAND 8 b"&";
    PIPE 9 b"|";
    BACKSLASH 10 b"\\";
    SLASH 11 b"/";
    DOT 12 b".";
    HASH 13 b"#";
    DASH 14 b"-";
    EQUALS 15 b"=";
    STAR 16 b"*";
    AT 17 b"@";
    PERCENT 18 b"%";
    COLON 19 b":";
    BRACE 20 b"{";
    BRACKET 21 b"[";
    BREAK 22 b"\r\n";
    BANG 23 b"!";
    COMMA 24 b",";
    UNDERSCORE 25 b"_";
    QUESTION 27 b"?";
    CARET 28 b"^~";
    PLUS 29 b"+";
}

static CLASSES: [u32; 256] = table();

impl Profile {
    pub(crate) const ALPHA: u32 = 1;
    pub(crate) const DIGIT: u32 = 1 << 1;
    pub(crate) const HIGH: u32 = 1 << 26;
    pub(crate) const CONTROL: u32 = 1 << 31;

    /// One pass over the value.
    pub(crate) fn of(value: &[u8]) -> Self {
        let mut chunks = value.chunks_exact(4);
        let (mut a, mut b) = (0, 0);
        for chunk in &mut chunks {
            if let [p, q, r, s] = *chunk {
                a |= CLASSES[p as usize] | CLASSES[q as usize];
                b |= CLASSES[r as usize] | CLASSES[s as usize];
            }
        }
        Self(
            chunks
                .remainder()
                .iter()
                .fold(a | b, |all, &byte| all | CLASSES[byte as usize]),
        )
    }

    /// Whether a byte of one of these classes occurs.
    pub(crate) fn any(self, classes: u32) -> bool {
        self.0 & classes != 0
    }

    /// Whether a byte of each of these classes occurs.
    pub(crate) fn all(self, classes: u32) -> bool {
        self.0 & classes == classes
    }
}

/// Letters, digits, underscore and every byte of a character outside ASCII.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// ASCII white space with the vertical tab, which databases and browsers skip too.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

/// The byte at a place, or zero behind the end.
pub(crate) fn at(value: &[u8], place: usize) -> u8 {
    value.get(place).copied().unwrap_or(0)
}

/// Whether `value` has `needle` (given in lower case) at `place`, in any case.
pub(crate) fn has_at(value: &[u8], place: usize, needle: &[u8]) -> bool {
    value
        .get(place..place + needle.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(needle))
}

/// The first place from `from` on where `needle` (given in lower case) stands, in any case.
pub(crate) fn find(value: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let last = value.len().checked_sub(needle.len())?;
    let places = value.get(from..=last)?;
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), places)
        .map(|place| from + place)
        .find(|&place| has_at(value, place, needle))
}

/// The same within so many bytes: for places of which a value may hold thousands.
pub(crate) fn skip_space_near(value: &[u8], from: usize) -> usize {
    const NEAR_BYTES: usize = 256;
    let end = value.len().min(from.saturating_add(NEAR_BYTES));
    skip_space(value.get(..end).unwrap_or_default(), from)
}

/// The first place from `from` on that is no white space.
pub(crate) fn skip_space(value: &[u8], from: usize) -> usize {
    value
        .iter()
        .skip(from)
        .position(|&b| !is_space(b))
        .map_or(value.len(), |n| from + n)
}

/// The length of the word the text begins with.
pub(crate) fn skip_word(text: &[u8]) -> usize {
    text.iter().position(|&b| !is_word(b)).unwrap_or(text.len())
}
