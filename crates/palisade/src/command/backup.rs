//! `palisade backup` and `palisade restore`.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{BufReader, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use http_body_util::BodyExt as _;
use hyper::Method;
use palisade_store::Store;

use super::ServerOptions;
use crate::seal::folder::SealFolder;

/// Writes everything as of now to a file, while the server goes on serving. The root key is not in it.
#[derive(Args, Debug)]
pub struct Backup {
    /// The file to write; it must not exist
    file: PathBuf,

    #[command(flatten)]
    server: ServerOptions,
}

impl Backup {
    /// Writes beside the file first, so that a broken backup never has its name.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        ensure!(
            !self.file.exists(),
            "{} exists already",
            self.file.display()
        );
        let folder = self
            .file
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from("."), PathBuf::from);
        let mut body = self
            .server
            .client()
            .await?
            .stream(Method::GET, "/_palisade/backup")
            .await?;
        let mut part = tempfile::NamedTempFile::new_in(&folder)
            .with_context(|| format!("cannot write in {}", folder.display()))?;
        let mut bytes = 0_u64;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.context("the backup broke off")?.into_data() {
                part.write_all(&data)?;
                bytes += data.len() as u64;
            }
        }
        part.as_file().sync_all()?;
        part.persist_noclobber(&self.file)
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        writeln!(out, "{bytes} bytes in {}", self.file.display())?;
        writeln!(
            out,
            "The root key is not in it (the folder seal in the data folder, root.key and root.sealed): keep that apart, nothing opens without it."
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Restores a backup into an empty data folder, without a server.
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    file: PathBuf,

    /// The data folder; it must be empty, but may hold the folder seal
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Restore {
    /// Restores, and says what is still needed.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let file = File::open(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        self.check_folder()?;
        let store = self.data.join("store");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&store)
            .with_context(|| format!("cannot make {}", store.display()))?;
        std::fs::set_permissions(&self.data, Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} private", self.data.display()))?;
        let vault = self.data.join("vault");
        let mut input = BufReader::new(file);
        let mut restoring = || -> anyhow::Result<_> {
            let summary = Store::restore(&mut input, &store)?;
            Ok((
                summary,
                palisade_vault::backup::restore(&mut input, &vault)?,
            ))
        };
        let restored = restoring();
        let (summary, keys) = restored.inspect_err(|_| {
            // Left there it would be in the way of the next try, and a server would begin a new state in it.
            for part in [&store, &vault] {
                let _ = std::fs::remove_dir_all(part);
            }
        })?;
        writeln!(
            out,
            "{} rows, up to position {}, and {keys} wrapped keys, in {}",
            summary.rows,
            summary.position,
            self.data.display()
        )?;
        if !SealFolder::of(&self.data).is_made() {
            writeln!(
                out,
                "Put the folder seal of the deployment at {} before serving it.",
                self.data.join("seal").display()
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn check_folder(&self) -> anyhow::Result<()> {
        let Ok(entries) = std::fs::read_dir(&self.data) else {
            return Ok(());
        };
        for entry in entries {
            ensure!(
                entry?.file_name() == "seal",
                "{} is not empty: a backup is restored into an empty folder only",
                self.data.display()
            );
        }
        Ok(())
    }
}
