//! Lines of log records, and of records of whole requests, from files and folders.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context;
use palisade_waf::recorded::{self, Recorded};

/// Bytes that are handed on at once, and the end of the last line.
const CHUNK_BYTES: u64 = 1 << 20;

/// Lines of several files, one after another.
pub struct Lines {
    left: VecDeque<PathBuf>,
    open: Option<(PathBuf, BufReader<File>, usize)>,
}

/// Whole lines of one file.
pub struct Chunk {
    path: PathBuf,
    /// How many lines are before them.
    before: usize,
    bytes: Vec<u8>,
}

impl Lines {
    /// The lines of these files; of a folder, of the records in it.
    pub fn of(paths: &[PathBuf]) -> anyhow::Result<Lines> {
        let mut left = VecDeque::new();
        for path in paths {
            match path.is_dir() {
                true => left.extend(in_folder(path)?),
                false => left.push_back(path.clone()),
            }
        }
        Ok(Lines { left, open: None })
    }

    /// The next lines; nothing at the end of the last file.
    pub fn next_chunk(&mut self) -> anyhow::Result<Option<Chunk>> {
        loop {
            let (path, mut reader, before) = match self.open.take() {
                Some(open) => open,
                None => match self.left.pop_front() {
                    Some(path) => {
                        let file = File::open(&path);
                        let file =
                            file.with_context(|| format!("cannot read {}", path.display()))?;
                        (path, BufReader::with_capacity(1 << 16, file), 0)
                    }
                    None => return Ok(None),
                },
            };
            let mut bytes = Vec::with_capacity(CHUNK_BYTES as usize + 4096);
            let mut read = || {
                reader.by_ref().take(CHUNK_BYTES).read_to_end(&mut bytes)?;
                if bytes.last() != Some(&b'\n') {
                    reader.read_until(b'\n', &mut bytes)?;
                }
                Ok::<_, std::io::Error>(())
            };
            read().with_context(|| format!("cannot read {}", path.display()))?;
            if bytes.is_empty() {
                continue;
            }
            let lines = memchr::memchr_iter(b'\n', &bytes).count();
            self.open = Some((path.clone(), reader, before + lines));
            return Ok(Some(Chunk {
                path,
                before,
                bytes,
            }));
        }
    }
}

/// The files of records in a folder, oldest first: their names tell the time.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Chunk {
    /// The lines that hold something, with where they stand.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let lines = self.bytes.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, text)| !text.trim_ascii().is_empty());
        lines.map(|(number, text)| Line {
            path: &self.path,
            number: self.before + number + 1,
            text,
        })
    }
}

/// A line of a file.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The file.
    pub path: &'a Path,
    number: usize,
    /// The line without its end.
    pub text: &'a [u8],
}

impl Line<'_> {
    /// The request it records.
    pub fn request(&self) -> anyhow::Result<Recorded> {
        let record = recorded::log_record(self.text);
        record.with_context(|| format!("line {} of {}", self.number, self.path.display()))
    }
}
