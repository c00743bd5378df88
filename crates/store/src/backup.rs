//! Backup: everything as of one commit, as one stream; and back again into an empty place.
//!
//! The stream is a line that names it, then frames of rows, then an empty frame and the SHA-256 of all before. The row that
//! names the store's format comes last, so that a restore that never finished leaves nothing that opens as a store.

use crate::bytes::{Hash, Reader, put_bytes, put_varint};
use crate::engine::fjall::FjallEngine;
use crate::engine::{Batch, Direction, Engine, EngineError, Space};
use crate::error::{OpenError, StoreError};
use crate::fact::Position;
use crate::layout;
use crate::store::Store;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use std::ops::{Bound, ControlFlow};
use std::path::Path;

const MAGIC: &[u8] = b"palisade backup 1\n";
/// A frame is written once it has this many bytes; one row can make it longer.
const FRAME_BYTES: usize = 64 << 10;
/// The longest frame that a restore takes.
const FRAME_BYTES_MAX: usize = 128 << 20;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// The last position in it.
    pub position: Position,
    /// Rows of all kinds.
    pub rows: u64,
    /// Bytes of the stream.
    pub bytes: u64,
}

/// Why a backup could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The stream could not be written.
    #[error("cannot write the backup: {0}")]
    Io(#[from] io::Error),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a backup could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The folder has something in it.
    #[error("{0} is not empty: a backup is restored into an empty folder only")]
    NotEmpty(String),
    /// The stream is no backup, is cut short, or was changed.
    #[error("not a whole backup: {0}")]
    Damaged(&'static str),
    /// The stream or the folder could not be used.
    #[error("cannot restore: {0}")]
    Io(#[from] io::Error),
    /// The new store could not be written.
    #[error("cannot restore: {0}")]
    Engine(#[from] EngineError),
    /// What was restored does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Store {
    /// Writes everything as of the newest commit. Serving goes on meanwhile; memory stays bounded.
    ///
    /// # Errors
    /// When the stream cannot be written or the store cannot be read.
    pub fn backup(&self, out: impl Write) -> Result<BackupSummary, BackupError> {
        let published = self.shared.published.load_full();
        let mut stream = Output {
            out,
            digest: Sha256::new(),
            bytes: 0,
        };
        stream.write(MAGIC)?;
        let mut frame = Vec::with_capacity(FRAME_BYTES * 2);
        let mut rows = 0;
        for space in Space::ALL {
            let mut failed = None;
            let all = (Bound::Unbounded, Bound::Unbounded);
            let scan =
                published
                    .snapshot
                    .scan(space, all, Direction::Forward, &mut |key, value| {
                        if space == Space::Meta && layout::is_format_key(key) {
                            return ControlFlow::Continue(());
                        }
                        put_row(&mut frame, space, key, value);
                        rows += 1;
                        if frame.len() < FRAME_BYTES {
                            return ControlFlow::Continue(());
                        }
                        match stream.frame(&mut frame) {
                            Ok(()) => ControlFlow::Continue(()),
                            Err(error) => {
                                failed = Some(error);
                                ControlFlow::Break(())
                            }
                        }
                    });
            scan.map_err(StoreError::from)?;
            failed.map_or(Ok(()), Err)?;
        }
        let (key, value) = layout::format_row();
        put_row(&mut frame, Space::Meta, &key, &value);
        stream.frame(&mut frame)?;
        stream.frame(&mut Vec::new())?;
        let sum: Hash = stream.digest.clone().finalize().into();
        stream.write(&sum)?;
        stream.out.flush()?;
        Ok(BackupSummary {
            position: published.head.position,
            rows: rows + 1,
            bytes: stream.bytes,
        })
    }

    /// Restores a backup into `folder`, which must be empty or not exist.
    ///
    /// # Errors
    /// When the folder is not empty, or the stream is no whole backup; the folder is then emptied again.
    pub fn restore(input: impl Read, folder: &Path) -> Result<BackupSummary, RestoreError> {
        std::fs::create_dir_all(folder)?;
        if std::fs::read_dir(folder)?.next().is_some() {
            return Err(RestoreError::NotEmpty(folder.display().to_string()));
        }
        let restored = FjallEngine::open(folder)
            .map_err(RestoreError::from)
            .and_then(|mut engine| restore_into(&mut engine, input));
        if restored.is_err() {
            std::fs::remove_dir_all(folder)?;
            std::fs::create_dir(folder)?;
        }
        restored
    }
}

/// Restores a backup into an engine that has nothing in it.
pub(crate) fn restore_into(
    engine: &mut dyn Engine,
    input: impl Read,
) -> Result<BackupSummary, RestoreError> {
    let mut stream = Input {
        input,
        digest: Sha256::new(),
        bytes: 0,
    };
    if stream.read(MAGIC.len())? != MAGIC {
        return Err(RestoreError::Damaged("it does not begin as one"));
    }
    let mut last = None;
    let mut rows = 0;
    while let Some(frame) = stream.frame()? {
        let mut batch = read_rows(&frame).ok_or(RestoreError::Damaged("a frame cannot be read"))?;
        rows += batch.changes.len() as u64;
        let is_format = |(space, key, _): &(Space, Vec<u8>, Option<Vec<u8>>)| {
            *space == Space::Meta && layout::is_format_key(key)
        };
        if last.is_some() {
            return Err(RestoreError::Damaged("rows follow the last row"));
        }
        if batch.changes.last().is_some_and(is_format) {
            last = batch.changes.pop();
        }
        engine.apply(batch, false)?;
    }
    let sum: Hash = stream.digest.clone().finalize().into();
    if stream.read(sum.len())? != sum {
        return Err(RestoreError::Damaged("its checksum is wrong"));
    }
    let last = last.ok_or(RestoreError::Damaged("it names no format"))?;
    engine.apply(
        Batch {
            changes: vec![last],
        },
        true,
    )?;
    let snapshot = engine.snapshot()?;
    layout::check_format(&*snapshot)?;
    let head = layout::Head::load(&*snapshot).map_err(OpenError::from)?;
    Ok(BackupSummary {
        position: head.position,
        rows,
        bytes: stream.bytes,
    })
}

fn put_row(frame: &mut Vec<u8>, space: Space, key: &[u8], value: &[u8]) {
    put_varint(frame, space as u64);
    put_bytes(frame, key);
    put_bytes(frame, value);
}

fn read_rows(frame: &[u8]) -> Option<Batch> {
    let mut reader = Reader(frame);
    let mut batch = Batch::default();
    while !reader.0.is_empty() {
        let space = *Space::ALL.get(usize::from(reader.byte()?))?;
        let key = reader.bytes()?.to_vec();
        batch.put(space, key, reader.bytes()?.to_vec());
    }
    Some(batch)
}

struct Output<W> {
    out: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Writes a frame and empties it.
    fn frame(&mut self, frame: &mut Vec<u8>) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.write(&len.to_be_bytes())?;
        self.write(frame)?;
        frame.clear();
        Ok(())
    }
}

struct Input<R> {
    input: R,
    digest: Sha256,
    bytes: u64,
}

impl<R: Read> Input<R> {
    /// Reads as many bytes, growing as they come: a length that was tampered with cannot ask for memory up front.
    fn read(&mut self, len: usize) -> Result<Vec<u8>, RestoreError> {
        let mut bytes = Vec::new();
        (&mut self.input).take(len as u64).read_to_end(&mut bytes)?;
        if bytes.len() < len {
            return Err(RestoreError::Damaged("it is cut short"));
        }
        self.digest.update(&bytes);
        self.bytes += len as u64;
        Ok(bytes)
    }

    fn frame(&mut self) -> Result<Option<Vec<u8>>, RestoreError> {
        let len = self
            .read(4)?
            .try_into()
            .map(u32::from_be_bytes)
            .unwrap_or(u32::MAX) as usize;
        match len {
            0 => Ok(None),
            1..=FRAME_BYTES_MAX => self.read(len).map(Some),
            _ => Err(RestoreError::Damaged("a frame is too long")),
        }
    }
}
