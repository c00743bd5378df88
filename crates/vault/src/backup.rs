//! The vault's part of a backup, behind the store's: every wrapped key, none of which opens without the root key.
//!
//! ```text
//! "palisade vault 1\n" ‖ number (8) ‖ entries ‖ SHA-256 of all before
//! entry: id (32) ‖ kind (1) ‖ length (2) ‖ content
//! ```
//! Numbers are big-endian. Backups of versions without a vault end before it.

use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::files;
use crate::slots::{CONTENT_BYTES_MAX, Entry, Slots, SlotsError};

const MAGIC: &[u8] = b"palisade vault 1\n";
/// How many entries are written with one sync.
const BATCH: usize = 256;

/// Why the vault of a backup could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is cut short, or was changed.
    #[error("the backup's keys are not whole")]
    Damaged,
    /// There are keys in the folder already.
    #[error("there are keys in the folder already")]
    NotEmpty,
    /// The backup could not be read.
    #[error("cannot read the backup: {0}")]
    Io(#[from] io::Error),
    /// The vault could not be written.
    #[error(transparent)]
    Slots(#[from] SlotsError),
}

/// The part of a backup that holds these entries, in their order; a later one takes the place of one with the same id.
pub(crate) fn write(entries: &[(crate::slots::Id, u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(entries.len() as u64).to_be_bytes());
    for (id, kind, content) in entries {
        out.extend_from_slice(id);
        out.push(*kind);
        out.extend_from_slice(&(content.len() as u16).to_be_bytes());
        out.extend_from_slice(content);
    }
    let mut sum = Context::new(&SHA256);
    sum.update(&out);
    out.extend_from_slice(sum.finish().as_ref());
    out
}

/// Restores the vault from what follows the store in a backup, into `folder`, which must hold no keys; how many entries there are. `0`
/// where the backup ends before.
///
/// # Errors
/// When it is not whole; what was written by then is of no use and stays.
pub fn restore(input: impl Read, folder: &Path) -> Result<u64, RestoreError> {
    let mut input = Input {
        input,
        sum: Context::new(&SHA256),
    };
    match input.exact(MAGIC.len()) {
        Ok(magic) if magic == MAGIC => {}
        Ok(_) => return Err(RestoreError::Damaged),
        Err(InputError::Empty) => return Ok(0),
        Err(error) => return Err(error.into()),
    }
    let (slots, recovery) = files::open(folder)?;
    if recovery.entries > 0 {
        return Err(RestoreError::NotEmpty);
    }
    let number = u64::from_be_bytes(input.array()?);
    let mut batch: Vec<(crate::slots::Id, u8, Vec<u8>)> = Vec::new();
    for _ in 0..number {
        let (id, [kind]) = (input.array()?, input.array()?);
        let length = usize::from(u16::from_be_bytes(input.array()?));
        if length > CONTENT_BYTES_MAX {
            return Err(RestoreError::Damaged);
        }
        // One id twice must not be in one write.
        if batch.len() >= BATCH || batch.iter().any(|(other, ..)| *other == id) {
            put(&slots, &mut batch)?;
        }
        batch.push((id, kind, input.exact(length)?));
    }
    put(&slots, &mut batch)?;
    let sum = input.sum.clone().finish();
    if input.exact(32)? != sum.as_ref() {
        return Err(RestoreError::Damaged);
    }
    Ok(number)
}

fn put(slots: &Slots, batch: &mut Vec<(crate::slots::Id, u8, Vec<u8>)>) -> Result<(), SlotsError> {
    let entries: Vec<Entry<'_>> = batch
        .iter()
        .map(|(id, kind, content)| Entry {
            id: *id,
            kind: *kind,
            content,
        })
        .collect();
    slots.put(&entries)?;
    batch.clear();
    Ok(())
}

struct Input<R> {
    input: R,
    sum: Context,
}

enum InputError {
    Empty,
    Short,
    Io(io::Error),
}

impl From<InputError> for RestoreError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Empty | InputError::Short => Self::Damaged,
            InputError::Io(error) => Self::Io(error),
        }
    }
}

impl<R: Read> Input<R> {
    /// `length` bytes; lengths are short here.
    fn exact(&mut self, length: usize) -> Result<Vec<u8>, InputError> {
        let mut bytes = Vec::with_capacity(length);
        let reading = (&mut self.input)
            .take(length as u64)
            .read_to_end(&mut bytes);
        match reading.map_err(InputError::Io)? {
            read if read == length => {
                self.sum.update(&bytes);
                Ok(bytes)
            }
            0 => Err(InputError::Empty),
            _ => Err(InputError::Short),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InputError> {
        self.exact(N)?.try_into().map_err(|_| InputError::Short)
    }
}
