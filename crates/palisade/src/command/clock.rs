//! `palisade clock`: lets days pass at once, for whoever tries out what takes days.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::json;

use super::{ServerOptions, text};

/// Moves the state time of a server in development mode.
#[derive(Args, Debug)]
pub struct Clock {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Let this time pass at once; there is no way back
    Advance(Advance),
}

#[derive(Args, Debug)]
struct Advance {
    /// How much, in the form of ISO 8601: P8D, PT36H, P1DT30M
    #[arg(value_name = "PERIOD")]
    period: String,

    #[command(flatten)]
    server: ServerOptions,
}

impl Clock {
    /// Moves it and says what time it is.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Command::Advance(advance) = self.command;
        let body = json!({ "advance": advance.period });
        let client = advance.server.client().await?;
        let moved = client
            .call(Method::POST, "/_palisade/clock", Some(&body))
            .await?;
        writeln!(
            out,
            "state time is {}, {} seconds ahead of the machine's clock",
            text(&moved, "Time"),
            moved["AheadSeconds"]
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
