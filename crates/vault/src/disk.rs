//! What the vault asks of a disk, so that a test can stop it between any two writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One file of slots.
pub trait Disk: Send + Sync {
    /// How many bytes it has.
    ///
    /// # Errors
    /// When the disk fails.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills `buffer` from `at` on.
    ///
    /// # Errors
    /// When the disk fails, or ends before.
    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes in place, or behind the end. A crash before the next [`Disk::sync`] may leave any part of it.
    ///
    /// # Errors
    /// When the disk fails.
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes every write before it durable.
    ///
    /// # Errors
    /// When the disk fails; nothing written since the last success is known to be durable then.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens a file of slots with mode 0600, making it if it is new; a new one's name is durable too.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let fresh = !path.exists();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if let (true, Some(folder)) = (fresh, path.parent()) {
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// A disk in memory: what `--ephemeral` keeps its keys on.
#[derive(Debug, Default)]
pub struct MemoryDisk(Mutex<Vec<u8>>);

impl MemoryDisk {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Disk for MemoryDisk {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.len() as u64))
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(at).map_err(io::Error::other)?;
        self.with(|bytes| {
            let end = start.saturating_add(buffer.len());
            let part = bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(part);
            Ok(())
        })
    }

    fn write(&self, at: u64, new: &[u8]) -> io::Result<()> {
        let start = usize::try_from(at).map_err(io::Error::other)?;
        self.with(|bytes| {
            let end = start + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(new);
        });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
