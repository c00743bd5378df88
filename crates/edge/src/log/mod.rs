//! What is written of requests: log records in AWS WAF's format, and whole requests for replay.

mod config;
mod record;
mod secrets;
mod sink;

use std::io;
use std::path::{Path, PathBuf};

pub use config::{LogConfig, NoLogConfig};
pub use record::Entry;
pub use secrets::Hider;
pub use sink::Sink;

/// The log of a listener, and its record of whole requests; each where it is wanted.
#[derive(Debug, Default)]
pub struct Logs {
    /// Log records.
    pub log: Option<Log>,
    /// Whole requests.
    pub record: Option<Record>,
}

/// Log records: where they go, and which.
#[derive(Debug)]
pub struct Log {
    /// Where they go.
    pub sink: Sink,
    /// Which are kept, and what of them is left out.
    pub config: LogConfig,
}

/// Whole requests, with their secrets hidden.
#[derive(Debug)]
pub struct Record {
    /// Where they go.
    pub sink: Sink,
    /// Hides secrets.
    pub hider: Hider,
}

impl Logs {
    /// Writes what is to be written of a request. Never waits: what finds no place is counted as lost.
    pub fn write(&self, entry: &Entry<'_>) {
        if let Some(log) = self
            .log
            .as_ref()
            .filter(|log| log.config.keeps(entry.decision))
        {
            log.sink.write(entry.log_line(&log.config));
        }
        if let Some(record) = &self.record {
            record.sink.write(entry.record_line(&record.hider));
        }
    }

    /// Lines that found no place.
    pub fn lost(&self) -> u64 {
        let log = self.log.as_ref().map_or(0, |log| log.sink.lost());
        log + self.record.as_ref().map_or(0, |record| record.sink.lost())
    }

    /// Opens the log's file anew: it was moved away.
    pub fn reopen(&self) {
        if let Some(log) = &self.log {
            log.sink.reopen();
        }
    }
}

/// The folder beside a log (or in a folder of records) that keeps each version of the ACL that decided.
pub fn versions_of(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join("versions"),
        false => {
            let mut name = path.as_os_str().to_owned();
            name.push(".versions");
            PathBuf::from(name)
        }
    }
}

/// Keeps a version of the ACL under its hash.
///
/// # Errors
/// Where the folder cannot be written.
pub fn keep_version(folder: &Path, version: &str, text: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{version}.json"));
    if path.exists() {
        return Ok(());
    }
    // Whole or not at all: somebody may be reading.
    let fresh = folder.join(format!("{version}.{}.new", std::process::id()));
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, path)
}
