//! A file that lines are written to by a thread of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Lines that wait to be written, at most.
const WAITING_MAX: usize = 16 * 1024;

/// Where lines go. What waits is written before it is dropped.
#[derive(Debug)]
pub struct Sink {
    lines: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Reopen,
}

/// What is written to.
enum Target {
    Stdout,
    File(PathBuf),
}

impl Sink {
    /// A sink into this file, at its end; `-` is standard output.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Sink> {
        let target = match path == Path::new("-") {
            true => Target::Stdout,
            false => Target::File(path.to_owned()),
        };
        let out = target.open()?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let losing = Arc::clone(&lost);
        let writer = std::thread::Builder::new().name("log".to_owned());
        let writer = writer.spawn(move || write_all(&target, out, &waiting, &losing))?;
        Ok(Sink {
            lines: Some(lines),
            writer: Some(writer),
            lost,
        })
    }

    /// Writes a line, its end included, in its turn.
    pub fn write(&self, line: Vec<u8>) {
        let sent = self
            .lines
            .as_ref()
            .map(|lines| lines.try_send(Message::Line(line)));
        if !matches!(sent, Some(Ok(()))) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file anew under its name.
    pub fn reopen(&self) {
        if let Some(lines) = &self.lines {
            let _ = lines.try_send(Message::Reopen);
        }
    }

    /// Lines that could not be written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Target {
    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Target::Stdout => Ok(Box::new(io::stdout())),
            Target::File(path) => {
                let file: File = OpenOptions::new().create(true).append(true).open(path)?;
                Ok(Box::new(BufWriter::with_capacity(64 * 1024, file)))
            }
        }
    }
}

fn write_all(
    target: &Target,
    mut out: Box<dyn Write + Send>,
    waiting: &Receiver<Message>,
    lost: &AtomicU64,
) {
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            let written = match message {
                Message::Line(line) => out.write_all(&line),
                Message::Reopen => out.flush().and_then(|()| {
                    out = target.open()?;
                    Ok(())
                }),
            };
            note(written, lost);
            next = waiting.try_recv().ok();
        }
        // Nobody waits: what was written can be read.
        note(out.flush(), lost);
    }
}

fn note(written: io::Result<()>, lost: &AtomicU64) {
    if let Err(error) = written {
        lost.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "the log cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_in_order_also_to_a_file_that_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("old"));
        let sink = Sink::open(&path).unwrap();
        sink.write(b"one\n".to_vec());
        while std::fs::read(&path).unwrap() != b"one\n" {
            std::thread::yield_now();
        }
        std::fs::rename(&path, &moved).unwrap();
        sink.reopen();
        sink.write(b"two\n".to_vec());
        sink.write(b"three\n".to_vec());
        drop(sink);
        assert_eq!(std::fs::read(&moved).unwrap(), b"one\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"two\nthree\n");
    }
}
