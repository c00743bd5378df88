//! `palisade keyring`: what a ciphertext says of itself, and samples of the formats, without a server and without a secret.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use palisade_keyring::ciphertext::BLOB_BYTES_MAX;
use palisade_keyring::{Blob, vectors};
use serde_json::json;

use super::Format;

/// Reads files only.
#[derive(Args, Debug)]
pub struct Keyring {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Say what a ciphertext's header names: the key, the material, the algorithm
    Inspect {
        /// The ciphertext, as bytes or in base64
        file: PathBuf,

        /// For people or for programs
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write samples of the formats, with their keys, for another implementation to read
    Vectors {
        /// The folder; made if it is not there
        folder: PathBuf,
    },
}

impl Keyring {
    /// Does it.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Inspect { file, format } => inspect(out, &file, format)?,
            What::Vectors { folder } => {
                std::fs::create_dir_all(&folder)
                    .with_context(|| format!("cannot make {}", folder.display()))?;
                for (name, text) in vectors::FILES {
                    let path = folder.join(name);
                    std::fs::write(&path, text)
                        .with_context(|| format!("cannot write {}", path.display()))?;
                    writeln!(out, "{}", path.display())?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn inspect(out: &mut dyn Write, file: &PathBuf, format: Format) -> anyhow::Result<()> {
    let reading = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // In base64 it is a third longer, and more with line ends.
        let most = 2 * BLOB_BYTES_MAX as u64;
        File::open(file)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = reading().with_context(|| format!("cannot read {}", file.display()))?;
    let decoded = from_base64(&bytes);
    let blob = Blob::parse(decoded.as_deref().unwrap_or(&bytes))
        .with_context(|| file.display().to_string())?;
    let (key, material) = (&blob.header().key, blob.header().material);
    let region = key.region();
    match format {
        Format::Json => {
            let told = json!({
                "version": blob.version(),
                "algorithm": blob.algorithm(),
                "account": key.account(),
                "region": region,
                "keyId": key.key_id(),
                "keyMaterialId": material.to_string(),
                "plaintextBytes": blob.plain_bytes(),
            });
            writeln!(out, "{told}")?;
        }
        Format::Text => {
            writeln!(out, "version     {}", blob.version())?;
            writeln!(out, "algorithm   {}", blob.algorithm())?;
            writeln!(out, "account     {}", key.account())?;
            writeln!(
                out,
                "region      {}",
                region.unwrap_or("any: a multi-Region key")
            )?;
            writeln!(out, "key         {}", key.key_id())?;
            writeln!(out, "material    {material}")?;
            writeln!(out, "plain text  {} bytes", blob.plain_bytes())?;
            writeln!(out, "\nNothing proves this before the ciphertext opens.")?;
        }
    }
    Ok(())
}

/// What the AWS CLI prints is base64; no ciphertext is, for none begins with a letter.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
