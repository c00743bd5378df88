//! One slot: a fixed number of bytes that holds one entry, or zeros.
//!
//! ```text
//! checksum (16) ‖ generation (8) ‖ id (32) ‖ kind (1) ‖ length (2) ‖ content ‖ zeros
//! ```
//! The checksum is the head of the SHA-256 of all that follows. A slot that is neither all zeros nor fits its checksum is torn: a
//! write to it never finished, or the disk damaged it.

use aws_lc_rs::digest::{SHA256, digest};

/// What an entry is found by.
pub type Id = [u8; 32];

const CHECKSUM: usize = 16;
const HEAD: usize = CHECKSUM + 8 + 32 + 1 + 2;

/// What a slot holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Slot<'a> {
    /// Nothing: all zeros.
    Empty,
    /// A write that never finished, or an entry that the disk damaged.
    Torn,
    /// An entry.
    Full {
        /// Of two slots with the same id, the higher one holds.
        generation: u64,
        id: Id,
        kind: u8,
        content: &'a [u8],
    },
}

/// How much content fits a slot of `size` bytes.
pub(crate) const fn room(size: usize) -> usize {
    size - HEAD
}

/// The bytes of a full slot; `content` has room.
pub(crate) fn encode(size: usize, generation: u64, id: &Id, kind: u8, content: &[u8]) -> Vec<u8> {
    debug_assert!(content.len() <= room(size), "the content has room");
    let mut slot = vec![0; CHECKSUM];
    slot.extend_from_slice(&generation.to_be_bytes());
    slot.extend_from_slice(id);
    slot.push(kind);
    slot.extend_from_slice(&(content.len() as u16).to_be_bytes());
    slot.extend_from_slice(content);
    slot.resize(size, 0);
    let sum = checksum(&slot[CHECKSUM..]);
    slot[..CHECKSUM].copy_from_slice(&sum);
    slot
}

/// What the bytes of a slot hold.
pub(crate) fn decode(slot: &[u8]) -> Slot<'_> {
    if slot.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    read(slot).unwrap_or(Slot::Torn)
}

fn read(slot: &[u8]) -> Option<Slot<'_>> {
    let (sum, rest) = slot.split_first_chunk::<CHECKSUM>()?;
    if *sum != checksum(rest) {
        return None;
    }
    let (generation, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some(Slot::Full {
        generation: u64::from_be_bytes(*generation),
        id: *id,
        kind: *kind,
        content: rest.get(..u16::from_be_bytes(*length).into())?,
    })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..CHECKSUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_reads_back_and_any_change_shows() {
        let slot = encode(256, 7, &[3; 32], 9, b"content");
        assert_eq!(slot.len(), 256);
        let full = Slot::Full {
            generation: 7,
            id: [3; 32],
            kind: 9,
            content: b"content",
        };
        assert_eq!(decode(&slot), full);
        for bit in 0..slot.len() * 8 {
            let mut torn = slot.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&torn), Slot::Torn, "bit {bit}");
        }
        assert_eq!(decode(&[0; 256]), Slot::Empty);
    }
}
