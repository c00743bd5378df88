//! `palisade what-if`: runs a command on a branch of the state, shows what it would have changed, and throws the branch away.

mod report;
mod terraform;

use std::io::Write;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Args, ValueEnum};
use hyper::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Format, ServerOptions, list, period, text};
use crate::client::Client;

/// Runs a command (the AWS CLI, a script, terraform apply) on a branch of the running state. Its calls are authenticated,
/// authorized, done and recorded as ever; only what they write is not kept.
#[derive(Args, Debug)]
pub struct WhatIf {
    /// Also ask the recorded authorization questions of this period again, on the branch: 30d, 12h, 45m
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    since: Option<Duration>,

    /// How to print the report; with json the command's own output goes to stderr
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Exit with 3 if a recorded question would be answered otherwise
    #[arg(long, value_enum, value_name = "WHAT", requires = "since")]
    fail_on: Option<FailOn>,

    /// Run the command although it may change things outside Palisade (a remote Terraform backend)
    #[arg(long)]
    outside_effects: bool,

    #[command(flatten)]
    server: ServerOptions,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What makes `what-if` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A recorded question that would be answered otherwise.
    Flip,
}

/// Exit status of `--fail-on flip` when something flips.
const FLIPPED: u8 = 3;

impl WhatIf {
    /// Opens the branch, runs the command, prints the report, drops the branch.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if !self.outside_effects {
            terraform::refuse_remote_backend(&self.command)?;
        }
        let client = self.server.client().await?;
        let branch = client
            .call(Method::POST, "/_palisade/what-if", Some(&json!({})))
            .await?;
        let path = format!("/_palisade/branches/{}", text(&branch, "BranchId"));
        let done = tokio::select! {
            done = self.on_branch(&client, &branch, &path, out) => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        let dropped = client.call(Method::DELETE, &path, None).await;
        let code = done?;
        dropped.context("the branch could not be dropped; it ends by itself")?;
        Ok(code)
    }

    async fn on_branch(
        &self,
        client: &Client,
        branch: &Value,
        path: &str,
        out: &mut dyn Write,
    ) -> anyhow::Result<ExitCode> {
        let scratch = tempfile::tempdir()?;
        let mut command = self.command(client, branch, scratch.path())?;
        let status = command
            .status()
            .await
            .with_context(|| format!("cannot run {}", self.command[0]))?;
        let mut report = client.call(Method::GET, path, None).await?;
        if let Some(since) = self.since {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let body = json!({"Since": now.saturating_sub(since).as_secs()});
            report["Replay"] = client
                .call(Method::POST, &format!("{path}/replay"), Some(&body))
                .await?;
        }
        let code = u8::try_from(status.code().unwrap_or(1)).unwrap_or(1);
        report["ExitStatus"] = code.into();
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
            Format::Text => report::print(out, &report)?,
        }
        let flipped = report
            .get("Replay")
            .is_some_and(|replay| !list(replay, "Flips").is_empty());
        if code == 0 && flipped && self.fail_on == Some(FailOn::Flip) {
            return Ok(ExitCode::from(FLIPPED));
        }
        Ok(ExitCode::from(code))
    }

    /// The command, with credentials that are good on the branch only: a call that misses it fails instead of happening.
    fn command(&self, client: &Client, branch: &Value, scratch: &Path) -> anyhow::Result<Command> {
        let credentials = &branch["Credentials"];
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).kill_on_drop(true);
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_ENDPOINT_URL_")
                || name == "AWS_PROFILE"
                || name == "AWS_DEFAULT_PROFILE"
            {
                command.env_remove(name);
            }
        }
        let server = client.server();
        command
            .env(
                "AWS_ENDPOINT_URL",
                format!("{}{}", server.endpoint, text(branch, "Path")),
            )
            .env("AWS_ACCESS_KEY_ID", text(credentials, "AccessKeyId"))
            .env(
                "AWS_SECRET_ACCESS_KEY",
                text(credentials, "SecretAccessKey"),
            )
            .env("AWS_SESSION_TOKEN", text(credentials, "SessionToken"))
            .env("AWS_REGION", &server.region)
            .env("AWS_DEFAULT_REGION", &server.region);
        terraform::keep_state_apart(&mut command, scratch);
        if self.format == Format::Json {
            use std::os::fd::AsFd as _;
            command.stdout(Stdio::from(std::io::stderr().as_fd().try_clone_to_owned()?));
        }
        Ok(command)
    }
}
