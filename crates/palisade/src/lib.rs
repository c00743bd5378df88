//! Everything behind the `palisade` command: start-up, configuration and wiring. It knows every other crate; none knows it.
//!
//! The command itself is [`run`]. Tests put the same server together in their own process with [`assemble::front`]:
//!
//! ```
//! let registry = palisade::assemble::services(palisade::assemble::bare_surroundings(), vec![]).unwrap();
//! assert!(registry.get("iam").is_some_and(|iam| iam.rows().iter().any(|row| row.name == "CreateUser")));
//! ```
#![forbid(unsafe_code)]

mod action_catalog;
pub mod assemble;
mod client;
mod command;
mod config;
mod control;
mod data_folder;
mod key_timers;
mod key_upkeep;
mod logging;
mod retention;
mod seal;
mod site;
mod starting;
mod state_clock;
mod store_seen;
mod tls;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The security side of a cloud, self-hosted: IAM, STS and CloudTrail behind the AWS APIs, enforced, explained and on record.
#[derive(Parser)]
#[command(version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve every service
    Up(Box<command::up::Up>),
    /// Check and evaluate policies in files, without a server
    Policy(command::policy::Policy),
    /// Serve web ACLs before an application; check them and ask them about requests in files
    Waf(command::waf::Waf),
    /// Explain a recorded call
    Explain(command::explain::Explain),
    /// Run a command on a branch of the state, report, and throw the branch away
    WhatIf(command::what_if::WhatIf),
    /// Who may use a key of KMS, and who did
    Kms(command::kms::Kms),
    /// The state time of a server in development mode
    Clock(command::clock::Clock),
    /// Verify the journal: that everything it says was written still stands, and nothing else
    Journal(command::journal::Journal),
    /// Write a backup of a running server to a file
    Backup(command::backup::Backup),
    /// Restore a backup into an empty data folder
    Restore(command::backup::Restore),
    /// The seal of a running server: its state, opening it, another root key, another seal
    Seal(command::seal::Seal),
    /// Ciphertexts of KMS, without a server
    Keyring(command::keyring::Keyring),
    /// What is implemented, counted against the AWS models
    Coverage(command::coverage::Coverage),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Up(up) => up.run(),
        Command::Policy(policy) => policy.run(&mut std::io::stdout().lock()),
        Command::Waf(waf) => waf.run(&mut std::io::stdout().lock()),
        Command::Coverage(coverage) => coverage.run(&mut std::io::stdout().lock()),
        Command::Kms(kms) => client(kms.run(&mut std::io::stdout())),
        Command::Clock(clock) => client(clock.run(&mut std::io::stdout())),
        Command::Journal(journal) => client(journal.run(&mut std::io::stdout())),
        Command::Backup(backup) => client(backup.run(&mut std::io::stdout())),
        Command::Restore(restore) => restore.run(&mut std::io::stdout().lock()),
        Command::Seal(seal) => seal.run(&mut std::io::stdout().lock()),
        Command::Keyring(keyring) => keyring.run(&mut std::io::stdout().lock()),
        Command::Explain(explain) => client(explain.run(&mut std::io::stdout())),
        Command::WhatIf(what_if) => client(what_if.run(&mut std::io::stdout())),
    };
    done.unwrap_or_else(|error| {
        if is_closed_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        let _ = writeln!(std::io::stderr(), "palisade: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs a subcommand that calls a server.
fn client(call: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(call)
}

/// Whoever read our output had enough of it (`palisade coverage | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
