//! `palisade seal`: the seal of a running server, over the socket in its data folder.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Format;
use crate::config::default_folder;
use crate::control::{Ask, Text, ask};
use crate::seal::{PassphraseSource, SealUri, read_passphrase};
use crate::site::SealStatus;

/// Talks to the server over DIR/control.sock, which only its own user may open.
#[derive(Args, Debug)]
pub struct Seal {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Say how the root key is sealed, and whether it is open
    Status {
        #[command(flatten)]
        server: Folder,

        /// For people or for programs
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Open a server that started sealed
    Unseal {
        #[command(flatten)]
        server: Folder,

        /// What opens it: passphrase:tty, passphrase:file=PATH or passphrase:fd=N, which this command reads; or file:PATH, a key file, which
        /// the server reads
        #[arg(long, value_name = "URI", default_value = "passphrase:tty")]
        with: String,
    },
    /// Make a new root key under the same seals, and new keys for every account and region
    Rotate {
        #[command(flatten)]
        server: Folder,
    },
    /// Make a new root key under another seal; the old seals' key files are destroyed
    Migrate {
        #[command(flatten)]
        server: Folder,

        /// The new seal: file:PATH, passphrase:file=PATH, passphrase:fd=N or passphrase:tty
        #[arg(long, value_name = "URI")]
        to: String,
    },
}

#[derive(Args, Debug)]
struct Folder {
    /// Data folder of the server [default: the one that `palisade up` takes]
    #[arg(long, env = "PALISADE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// The default folder is that of `palisade up --dev`
    #[arg(long, conflicts_with = "data")]
    dev: bool,
}

impl Folder {
    fn path(&self) -> anyhow::Result<PathBuf> {
        self.data
            .clone()
            .map_or_else(|| default_folder(self.dev), Ok)
    }
}

impl Seal {
    /// Asks, and prints how things are then.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let mut format = Format::Text;
        let (folder, question) = match self.what {
            What::Status { server, format: f } => {
                format = f;
                (server.path()?, Ask::Status)
            }
            What::Unseal { server, with } => {
                let (passphrase, file) = match with.parse()? {
                    SealUri::Passphrase(source) => (Some(text_of(&source)?), None),
                    SealUri::File(path) => (None, Some(absolute(path)?)),
                };
                (server.path()?, Ask::Unseal { passphrase, file })
            }
            What::Rotate { server } => (server.path()?, Ask::Rotate),
            What::Migrate { server, to } => (server.path()?, migration(&to)?),
        };
        let status = ask(&folder, &question)?;
        match format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&status)?)?,
            Format::Text => write_status(out, &status)?,
        }
        if let Ask::Migrate { to, .. } = &question {
            writeln!(out, "\nFrom now on: palisade up --seal {to}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A file is the server's to read; what only this process can read goes along.
fn migration(to: &str) -> anyhow::Result<Ask> {
    let (to, passphrase) = match to.parse()? {
        SealUri::File(path) => (SealUri::File(absolute(path)?), None),
        SealUri::Passphrase(PassphraseSource::File(path)) => {
            let source = PassphraseSource::File(absolute(path)?);
            (SealUri::Passphrase(source), None)
        }
        SealUri::Passphrase(source) => {
            let text = text_of(&source)?;
            (SealUri::Passphrase(source), Some(text))
        }
    };
    Ok(Ask::Migrate {
        to: to.to_string(),
        passphrase,
    })
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).context("no such path")
}

fn text_of(source: &PassphraseSource) -> anyhow::Result<Text> {
    let passphrase = read_passphrase(source)?;
    let text = std::str::from_utf8(passphrase.expose()).context("the passphrase is not UTF-8")?;
    Ok(Text(text.to_owned()))
}

fn write_status(out: &mut dyn Write, status: &SealStatus) -> std::io::Result<()> {
    match &status.root {
        Some(root) => writeln!(out, "open: root key {root}")?,
        None => writeln!(out, "sealed: every call is answered 503")?,
    }
    for seal in &status.seals {
        writeln!(out, "seal: {seal}")?;
    }
    if let Some(wraps) = status.wraps {
        writeln!(out, "wraps: {wraps}")?;
    }
    if status.missing_materials > 0 {
        writeln!(
            out,
            "missing key materials: {} (the log of the start names them; what is encrypted under them cannot be decrypted)",
            status.missing_materials
        )?;
    }
    if status.within_folder {
        writeln!(
            out,
            "The seal is in the data folder: whoever takes the folder can open everything."
        )?;
    }
    Ok(())
}
