//! A new folder for the embedded engine, with few flushes.
//!
//! The engine flushes each of a dozen files and folders it makes, one after another, some of them several times: 32 flushes
//! for a store that is still empty, which on a disk that takes 4 ms each is most of the start of a server. So the new
//! folder is made in memory (`/dev/shm`), copied beside its place, flushed all at once, and renamed: it is there whole or
//! not at all. Where any of that cannot be done the engine makes its folder itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const MEMORY: &str = "/dev/shm";

/// Makes `folder` by what `create` makes in memory; false if the caller must make it itself.
pub(super) fn is_made(folder: &Path, create: impl FnOnce(&Path) -> bool) -> bool {
    let is_new = fs::read_dir(folder).map_or_else(
        |error| error.kind() == io::ErrorKind::NotFound,
        |mut entries| entries.next().is_none(),
    );
    let Some(name) = folder.file_name().filter(|_| is_new) else {
        return false;
    };
    let unique = format!(
        "palisade-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let memory = Path::new(MEMORY).join(unique);
    let beside = folder.with_file_name([name, "new".as_ref()].join(".".as_ref()));
    let is_made = fs::DirBuilder::new().mode(0o700).create(&memory).is_ok()
        && create(&memory)
        && settle(&memory, &beside, folder).is_ok();
    let _ = fs::remove_dir_all(&memory); // best effort: both are only leftovers
    if !is_made {
        let _ = fs::remove_dir_all(&beside);
    }
    is_made
}

/// Copies `from` to `beside`, flushes that, and renames it to `folder`.
fn settle(from: &Path, beside: &Path, folder: &Path) -> io::Result<()> {
    if beside.exists() {
        fs::remove_dir_all(beside)?; // of a start that was cut short
    }
    if let Some(parent) = beside.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut copied = Vec::new();
    copy(from, beside, &mut copied)?;
    // At once: a file system then writes its log once for many.
    std::thread::scope(|scope| {
        let flushes: Vec<_> = copied
            .iter()
            .map(|path| scope.spawn(move || File::open(path)?.sync_all()))
            .collect();
        let is_panic = |_| io::Error::other("a flush panicked");
        flushes
            .into_iter()
            .try_for_each(|flush| flush.join().map_err(is_panic)?)
    })?;
    fs::rename(beside, folder)?;
    folder
        .parent()
        .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn copy(from: &Path, to: &Path, copied: &mut Vec<PathBuf>) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, copied)?;
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.blocks() == 0 {
            File::create_new(&target)?.set_len(metadata.len())?; // room that is not yet written
        } else {
            fs::copy(entry.path(), &target)?;
        }
        copied.push(target);
    }
    copied.push(to.to_owned());
    Ok(())
}
