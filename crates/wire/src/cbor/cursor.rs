//! Data items one after the other, as they stand in the bytes.

use crate::MAX_DEPTH;
use crate::error::WireError;

/// The head of a data item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    /// A number of zero or more.
    Unsigned(u64),
    /// `-1 - n`.
    Negative(u64),
    /// A byte string of that length; `None`: chunks until a break.
    Bytes(Option<u64>),
    /// A text string of that length; `None`: chunks until a break.
    Text(Option<u64>),
    /// An array of so many items; `None`: items until a break.
    Array(Option<u64>),
    /// A map of so many pairs; `None`: pairs until a break.
    Map(Option<u64>),
    /// A tag of the item that follows.
    Tag(u64),
    /// True or false.
    Bool(bool),
    /// Null or undefined.
    Null,
    /// A number with a fraction, of any width.
    Float(f64),
    /// The end of what has no length.
    Break,
}

/// A place in the bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads the head of the next item.
    pub(super) fn head(&mut self) -> Result<Head, WireError> {
        let [first] = self.array()?;
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = match info {
            0..24 => Some(u64::from(info)),
            24 => Some(u8::from_be_bytes(self.array()?).into()),
            25 => Some(u16::from_be_bytes(self.array()?).into()),
            26 => Some(u32::from_be_bytes(self.array()?).into()),
            27 => Some(u64::from_be_bytes(self.array()?)),
            31 => None,
            _ => return Err(malformed()),
        };
        match (major, argument) {
            (0, Some(number)) => Ok(Head::Unsigned(number)),
            (1, Some(number)) => Ok(Head::Negative(number)),
            (2, length) => Ok(Head::Bytes(length)),
            (3, length) => Ok(Head::Text(length)),
            (4, length) => Ok(Head::Array(length)),
            (5, length) => Ok(Head::Map(length)),
            (6, Some(tag)) => Ok(Head::Tag(tag)),
            _ => Err(malformed()),
        }
    }

    fn simple(&mut self, info: u8) -> Result<Head, WireError> {
        Ok(match info {
            20 => Head::Bool(false),
            21 => Head::Bool(true),
            22 | 23 => Head::Null,
            25 => Head::Float(half(u16::from_be_bytes(self.array()?))),
            26 => Head::Float(f32::from_be_bytes(self.array()?).into()),
            27 => Head::Float(f64::from_be_bytes(self.array()?)),
            31 => Head::Break,
            _ => return Err(malformed()),
        })
    }

    /// Reads the bytes of a byte or text string whose head has been read.
    pub(super) fn string(&mut self, head: Head) -> Result<Vec<u8>, WireError> {
        match head {
            Head::Bytes(Some(length)) | Head::Text(Some(length)) => {
                self.take(length).map(<[u8]>::to_vec)
            }
            Head::Bytes(None) | Head::Text(None) => {
                let mut joined = Vec::new();
                loop {
                    match (head, self.head()?) {
                        (_, Head::Break) => return Ok(joined),
                        (Head::Bytes(_), Head::Bytes(Some(length)))
                        | (Head::Text(_), Head::Text(Some(length))) => {
                            joined.extend_from_slice(self.take(length)?);
                        }
                        _ => return Err(malformed()),
                    }
                }
            }
            _ => Err(malformed()),
        }
    }

    /// Reads the text of a text string whose head has been read.
    pub(super) fn text(&mut self, head: Head) -> Result<String, WireError> {
        match head {
            Head::Text(_) => String::from_utf8(self.string(head)?)
                .map_err(|_| WireError::syntax("the CBOR has text that is not UTF-8")),
            _ => Err(malformed()),
        }
    }

    /// Passes over an item whose head has been read.
    pub(super) fn skip(&mut self, head: Head, depth: usize) -> Result<(), WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep);
        }
        match head {
            Head::Bytes(_) => self.string(head).map(drop),
            Head::Text(_) => self.text(head).map(drop),
            Head::Tag(_) => {
                let head = self.head()?;
                self.skip(head, depth + 1)
            }
            Head::Array(count) => self.items(count, |cursor, head| cursor.skip(head, depth + 1)),
            Head::Map(count) => self.items(count, |cursor, head| {
                cursor.skip(head, depth + 1)?;
                let head = cursor.head()?;
                cursor.skip(head, depth + 1)
            }),
            Head::Break => Err(malformed()),
            _ => Ok(()),
        }
    }

    /// Reads the items of an array, or the pairs of a map by the heads of their keys.
    ///
    /// A count larger than the bytes could hold ends as an error at the end of the bytes.
    pub(super) fn items(
        &mut self,
        count: Option<u64>,
        mut read: impl FnMut(&mut Self, Head) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut left = count;
        while left != Some(0) {
            match self.head()? {
                Head::Break if left.is_none() => return Ok(()),
                head => read(self, head)?,
            }
            left = left.map(|left| left - 1);
        }
        Ok(())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(*taken)
    }
}

pub(super) fn malformed() -> WireError {
    WireError::syntax("the body is not well-formed CBOR")
}

/// A 16-bit float: sign, 5 bits of exponent, 10 bits of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &[u8]) -> Result<Head, WireError> {
        Cursor::new(bytes).head()
    }

    #[test]
    fn heads_of_every_width_are_read() {
        assert_eq!(head(&[0x17]), Ok(Head::Unsigned(23)));
        assert_eq!(head(&[0x18, 0xff]), Ok(Head::Unsigned(255)));
        assert_eq!(head(&[0x39, 1, 0]), Ok(Head::Negative(256)));
        assert_eq!(
            head(&[0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0]),
            Ok(Head::Unsigned(0xff << 56))
        );
        assert_eq!(head(&[0xf9, 0x3e, 0x00]), Ok(Head::Float(1.5)));
        assert_eq!(
            head(&[0xf9, 0xfc, 0x00]),
            Ok(Head::Float(f64::NEG_INFINITY))
        );
        assert_eq!(head(&[0xf9, 0x00, 0x01]), Ok(Head::Float(2f64.powi(-24))));
        assert_eq!(head(&[0xfa, 0x3f, 0x80, 0, 0]), Ok(Head::Float(1.0)));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bytes in [
            &[][..],
            &[0x18],
            &[0x1c],
            &[0x1f],
            &[0x3f],
            &[0xdf],
            &[0xfc],
            &[0xf8, 0x20],
        ] {
            assert!(head(bytes).is_err(), "{bytes:02x?}");
        }
        for bytes in [
            &[0x5f, 0x61, 0x61, 0xff][..],
            &[0x7f, 0x61],
            &[0x42, 0],
            &[0x9f, 0xf5],
            &[0xa1, 0xf5],
        ] {
            let mut cursor = Cursor::new(bytes);
            let head = cursor.head().unwrap();
            assert!(cursor.skip(head, 0).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_is_bounded_and_huge_counts_end_with_the_bytes() {
        let mut cursor = Cursor::new(&[0x81; 10_000]);
        let head = cursor.head().unwrap();
        assert_eq!(cursor.skip(head, 0), Err(WireError::TooDeep));
        let mut cursor = Cursor::new(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        let head = cursor.head().unwrap();
        assert!(cursor.skip(head, 0).is_err());
    }
}
