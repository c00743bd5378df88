//! The bodies of a group of records, compressed together.
//!
//! Records resemble one another, so even a lone one compresses well against a *dictionary*: a sample of earlier records,
//! kept as a row of its own and replaced now and then.

use crate::bytes::{Reader, put_varint, seal, unseal};
use crate::fact::Prepared;

/// The most bytes that a body may have once it is decompressed.
pub(crate) const RAW_BYTES_MAX: usize = 64 << 20;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const LZ4_DICTIONARY: u8 = 2;

/// The parts of one record; `None` where a part was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub call: Option<Vec<u8>>,
    pub questions: Option<Vec<u8>>,
}

/// A dictionary by its number.
#[derive(Clone, Copy)]
pub(crate) struct Dictionary<'a> {
    pub number: u64,
    pub bytes: &'a [u8],
}

/// The records one after another, before compression.
pub(crate) fn concatenate<'a>(records: impl Iterator<Item = &'a Prepared>) -> Vec<u8> {
    let mut raw = Vec::new();
    for record in records {
        put_part(&mut raw, Some(&record.call));
        put_part(&mut raw, Some(&record.questions));
    }
    raw
}

/// The same of parts that were read, for rewriting a body after a part was destroyed.
pub(crate) fn concatenate_parts(records: &[Parts]) -> Vec<u8> {
    let mut raw = Vec::new();
    for parts in records {
        put_part(&mut raw, parts.call.as_deref());
        put_part(&mut raw, parts.questions.as_deref());
    }
    raw
}

/// Zero for a destroyed part, otherwise one more than its length, then its bytes.
fn put_part(raw: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        None => raw.push(0),
        Some(bytes) => {
            put_varint(raw, bytes.len() as u64 + 1);
            raw.extend_from_slice(bytes);
        }
    }
}

/// The row in the engine.
pub(crate) fn compress(raw: &[u8], dictionary: Option<Dictionary<'_>>) -> Vec<u8> {
    let mut row = Vec::with_capacity(raw.len() / 3 + 32);
    let packed = match dictionary {
        Some(Dictionary { number, bytes }) => {
            row.push(LZ4_DICTIONARY);
            put_varint(&mut row, number);
            lz4_flex::block::compress_with_dict(raw, bytes)
        }
        None => {
            row.push(LZ4);
            lz4_flex::block::compress(raw)
        }
    };
    if packed.len() < raw.len() {
        put_varint(&mut row, raw.len() as u64);
        row.extend_from_slice(&packed);
    } else {
        row.clear();
        row.push(PLAIN);
        row.extend_from_slice(raw);
    }
    seal(row)
}

/// What a body was compressed with; `None` for bytes that are no body.
pub(crate) fn dictionary_number(row: &[u8]) -> Option<Option<u64>> {
    let mut reader = Reader(row);
    match reader.byte()? {
        PLAIN | LZ4 => Some(None),
        LZ4_DICTIONARY => reader.varint().map(Some),
        _ => None,
    }
}

/// The records one after another; `None` for bytes that are no body (or not of this dictionary).
pub(crate) fn decompress(row: &[u8], dictionary: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut reader = Reader(unseal(row)?);
    let kind = reader.byte()?;
    if kind == PLAIN {
        return Some(reader.0.to_vec());
    }
    if kind == LZ4_DICTIONARY {
        reader.varint()?;
    }
    let len = usize::try_from(reader.varint()?)
        .ok()
        .filter(|&len| len <= RAW_BYTES_MAX)?;
    let raw = match kind {
        LZ4 => lz4_flex::block::decompress(reader.0, len),
        LZ4_DICTIONARY => lz4_flex::block::decompress_with_dict(reader.0, len, dictionary?),
        _ => return None,
    };
    raw.ok().filter(|raw| raw.len() == len)
}

/// Takes `count` records apart.
pub(crate) fn split(raw: &[u8], count: usize) -> Option<Vec<Parts>> {
    let mut reader = Reader(raw);
    let parts = (0..count)
        .map(|_| {
            Some(Parts {
                call: take_part(&mut reader)?,
                questions: take_part(&mut reader)?,
            })
        })
        .collect::<Option<_>>()?;
    reader.finish(parts)
}

fn take_part(reader: &mut Reader<'_>) -> Option<Option<Vec<u8>>> {
    let Some(len) = reader.varint()?.checked_sub(1) else {
        return Some(None);
    };
    Some(Some(reader.take(usize::try_from(len).ok()?)?.to_vec()))
}
