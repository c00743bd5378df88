//! The store's own binary forms: variable-length integers, length-prefixed bytes, checksums and hashes.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Bytes of checksum that end each row of the journal; enough against accident, while the chain is there against intent.
pub(crate) const CHECKSUM_BYTES: usize = 8;

pub(crate) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Ends a row with the checksum of all before.
pub(crate) fn seal(mut row: Vec<u8>) -> Vec<u8> {
    let sum = hash(&row);
    row.extend_from_slice(&sum[..CHECKSUM_BYTES]);
    row
}

/// The row without its checksum; `None` when that is not the row's.
pub(crate) fn unseal(row: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = row.split_at_checked(row.len().checked_sub(CHECKSUM_BYTES)?)?;
    (hash(bytes)[..CHECKSUM_BYTES] == *sum).then_some(bytes)
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8 & 0x7f) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the `put_` functions wrote; every method answers `None` at bytes that they cannot have written.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn fixed_u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn varint(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            n |= bits << shift;
            if byte & 0x80 == 0 {
                return (byte != 0 || shift == 0).then_some(n); // a longer form than needed is not ours
            }
        }
        None
    }

    /// A count of things that each take at least one byte, so that no count can ask for more memory than there is input.
    pub fn count(&mut self) -> Option<usize> {
        let n = usize::try_from(self.varint()?).ok()?;
        (n <= self.0.len()).then_some(n)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    pub fn string(&mut self) -> Option<String> {
        self.bytes()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    }

    pub fn finish<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_read_back(n in any::<u64>()) {
            let mut out = Vec::new();
            put_varint(&mut out, n);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.varint(), Some(n));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn any_flipped_bit_of_a_sealed_row_is_found(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut row = seal(bytes);
            prop_assert!(unseal(&row).is_some());
            let at = at.index(row.len());
            row[at] ^= 1u8 << bit;
            prop_assert!(unseal(&row).is_none());
        }
    }
}
