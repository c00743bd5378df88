//! `palisade journal`: is the record whole?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use palisade_store::Options;
use serde_json::{Value, json};

use super::{Format, ServerOptions, list};
use crate::data_folder;

/// Looks after the journal.
#[derive(Args, Debug)]
pub struct Journal {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Walk the hash chain and compare every record and value with it; fails if anything is damaged
    Verify(Verify),
}

#[derive(Args, Debug)]
struct Verify {
    /// Data folder of a server that is not running [default: ask the running server]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    server: ServerOptions,
}

impl Journal {
    /// Verifies and prints what was found.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Command::Verify(verify) = self.command;
        let found = match &verify.data {
            Some(folder) => offline(folder)?,
            None => {
                verify
                    .server
                    .client()
                    .await?
                    .call(Method::POST, "/_palisade/journal/verify", Some(&json!({})))
                    .await?
            }
        };
        match verify.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
            Format::Text => print(out, &found)?,
        }
        Ok(if found["Intact"] == true {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn offline(folder: &Path) -> anyhow::Result<Value> {
    let path = folder.join("store");
    anyhow::ensure!(path.is_dir(), "there is no state in {}", folder.display());
    anyhow::ensure!(
        !data_folder::is_in_use(folder),
        "{} is being served: leave --data out to ask its server",
        folder.display()
    );
    let store = data_folder::open_store(&path, Options::default())?;
    let verified = || {
        let verified = store.journal().verify();
        verified.map_err(|error| data_folder::damaged(&path, error.into()))
    };
    let found = data_folder::reading(&path, verified)?;
    Ok(json!({
        "Intact": found.damages.is_empty(),
        "LastPosition": store.head().position.0,
        "Links": found.links,
        "Records": found.records,
        "Forgotten": found.forgotten,
        "Values": found.values,
        "Damage": found.damages.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

fn print(out: &mut dyn Write, found: &Value) -> std::io::Result<()> {
    let verdict = if found["Intact"] == true {
        "intact"
    } else {
        "DAMAGED"
    };
    writeln!(
        out,
        "{verdict}: {} records in {} links up to position {}, {} values compared, {} records past their retention",
        found["Records"],
        found["Links"],
        found["LastPosition"],
        found["Values"],
        found["Forgotten"]
    )?;
    for damage in list(found, "Damage") {
        writeln!(out, "  {}", damage.as_str().unwrap_or_default())?;
    }
    // What a chain alone cannot show is said here, so that nobody believes more than it proves.
    writeln!(
        out,
        "A chain without an outside head shows damage, not a forger who recomputed it."
    )
}
