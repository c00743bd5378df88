//! gRPC's frames, and the texts in protobuf messages whose schema nobody tells.

use crate::extract::Place;
use crate::extract::places::Places;

/// Messages within messages that are looked into, at most.
const DEPTH_MAX: usize = 16;

/// The texts of each frame's message; a compressed one is a value as it is.
pub(super) fn read<'b>(body: &'b [u8], places: &mut Places<'b>) {
    let mut rest = body;
    while let Some((head, after)) = rest.split_at_checked(5) {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        // A frame that is cut off is read as far as it is there.
        let (message, after) = after.split_at(length.min(after.len()));
        if head[0] & 1 == 1 || fields(message).is_none() {
            places.push(message, Place::Value(b"message"));
        } else {
            texts(message, DEPTH_MAX, places);
        }
        rest = after;
    }
}

/// What is text, and what is in what may be a message: bytes may be read as both.
fn texts<'b>(message: &'b [u8], depth: usize, places: &mut Places<'b>) {
    for field in fields(message).into_iter().flatten() {
        if std::str::from_utf8(field).is_ok() {
            places.push(field, Place::Value(b"field"));
        }
        if depth > 0 && fields(field).is_some() {
            texts(field, depth - 1, places);
        }
    }
}

/// The length-delimited fields of a message; nothing where it is none.
fn fields(message: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut found, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        let (key, after) = varint(rest)?;
        if key >> 3 == 0 {
            return None;
        }
        rest = match key & 7 {
            0 => varint(after)?.1,
            1 => after.get(8..)?,
            5 => after.get(4..)?,
            2 => {
                let (length, after) = varint(after)?;
                let (field, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
                found.push(field);
                after
            }
            _ => return None,
        };
    }
    Some(found)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F)
            .checked_shl(7 * index as u32)
            .unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
