//! The vault's folder: a file that names its format, and a file of slots for each size.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::disk::{MemoryDisk, open_file};
use crate::slots::{Disks, Recovery, Slots, SlotsError};

const FORMAT: &[u8] = b"palisade vault 1\n";
const FORMAT_FILE: &str = "format";
const FILES: [&str; 3] = ["small", "middle", "large"];

/// Opens the vault in a folder, making it if it is new, and finishes what a crash left. The folder belongs to the caller alone.
///
/// # Errors
/// When the disk fails, or the vault has a format that is not known here.
pub fn open(folder: &Path) -> Result<(Slots, Recovery), SlotsError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut disks: Vec<File> = Vec::new();
    for name in FILES {
        disks.push(open_file(&folder.join(name))?);
    }
    let fresh = disks
        .iter()
        .all(|disk| disk.metadata().is_ok_and(|m| m.len() == 0));
    check_format(&folder.join(FORMAT_FILE), fresh)?;
    let [small, middle, large] = disks.try_into().expect("a file a size");
    let disks: Disks = [Box::new(small), Box::new(middle), Box::new(large)];
    Slots::open(disks)
}

/// A vault that nothing is left of when it is dropped.
///
/// # Errors
/// None that memory has; the type is that of [`open`].
pub fn in_memory() -> Result<Slots, SlotsError> {
    let disks = [(); 3].map(|()| Box::<MemoryDisk>::default() as _);
    Ok(Slots::open(disks)?.0)
}

fn check_format(path: &Path, fresh: bool) -> io::Result<()> {
    let mut file = open_file(path)?;
    let mut found = Vec::new();
    (&mut file)
        .take(FORMAT.len() as u64 + 1)
        .read_to_end(&mut found)?;
    if found == FORMAT {
        return Ok(());
    }
    // A crash at the first start may leave it empty or half; entries are there only once it is whole.
    if fresh && FORMAT.starts_with(&found) {
        file.write_all(&FORMAT[found.len()..])?;
        return file.sync_all();
    }
    Err(io::Error::other(
        "the vault has a format that this version does not know",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Entry;

    fn entry(id: u8) -> Entry<'static> {
        Entry {
            id: [id; 32],
            kind: 1,
            content: b"content",
        }
    }

    #[test]
    fn entries_are_there_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let (slots, recovery) = open(folder.path()).unwrap();
        assert_eq!(recovery, Recovery::default());
        slots.put(&[entry(1), entry(2)]).unwrap();
        slots.wipe(&[[1; 32]]).unwrap();
        drop(slots);
        let (slots, recovery) = open(folder.path()).unwrap();
        assert_eq!((recovery.entries, recovery.torn), (1, 0));
        assert_eq!(slots.get(&[2; 32]).unwrap().unwrap(), b"content");
        assert_eq!(slots.get(&[1; 32]).unwrap(), None);
    }

    #[test]
    fn a_slot_that_the_disk_damaged_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap().0.put(&[entry(1)]).unwrap();
        let path = folder.path().join(FILES[0]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (slots, recovery) = open(folder.path()).unwrap();
        assert_eq!((recovery.entries, recovery.torn), (0, 1));
        slots.put(&[entry(2)]).unwrap();
        let now = std::fs::read(&path).unwrap();
        assert_eq!(now[..256], bytes[..256], "neither wiped nor written over");
        // What the disk had damaged may be mended.
        let mut mended = now;
        mended[100] ^= 1;
        drop(slots);
        std::fs::write(&path, &mended).unwrap();
        let (slots, recovery) = open(folder.path()).unwrap();
        assert_eq!((recovery.entries, recovery.torn), (2, 0));
        assert_eq!(slots.get(&[1; 32]).unwrap().unwrap(), b"content");
    }

    #[test]
    fn an_unknown_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap().0.put(&[entry(1)]).unwrap();
        std::fs::write(folder.path().join(FORMAT_FILE), b"palisade vault 2\n").unwrap();
        assert!(open(folder.path()).is_err());
        std::fs::write(folder.path().join(FORMAT_FILE), b"").unwrap();
        assert!(open(folder.path()).is_err(), "entries without a format");
    }
}
