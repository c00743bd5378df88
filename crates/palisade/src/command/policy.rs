//! `palisade policy`: the policy engine on files alone, without a server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use palisade_policy::PolicyKind;
use palisade_policy::cli::{self, check_with_names, eval_case};

use super::Format;
use crate::action_catalog::Actions;

/// Checks policies and decides cases, from files.
#[derive(Args, Debug)]
pub struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Checks the grammar of policies and what is unwise in them; fails if any has an error
    Check(Check),
    /// Decides a case: a request and the policies around it
    Eval(Eval),
}

#[derive(Args, Debug)]
struct Check {
    /// The policies, one in each file
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Where the policies are attached [default: what each looks like]
    #[arg(long, value_enum)]
    kind: Option<Kind>,

    /// Fail on warnings too
    #[arg(long)]
    strict: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Eval {
    /// The case, one JSON object (docs/policy.md)
    #[arg(long, value_name = "FILE")]
    case: PathBuf,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A managed or inline policy, a permissions boundary, a session policy
    Identity,
    /// A resource's policy
    Resource,
    /// A role's trust policy
    Trust,
    /// A service control policy
    Scp,
    /// A resource control policy
    Rcp,
}

impl From<Kind> for PolicyKind {
    fn from(kind: Kind) -> PolicyKind {
        match kind {
            Kind::Identity => PolicyKind::Identity,
            Kind::Resource => PolicyKind::Resource,
            Kind::Trust => PolicyKind::Trust,
            Kind::Scp => PolicyKind::Scp,
            Kind::Rcp => PolicyKind::Rcp,
        }
    }
}

impl From<Format> for cli::Format {
    fn from(format: Format) -> cli::Format {
        match format {
            Format::Text => cli::Format::Text,
            Format::Json => cli::Format::Json,
        }
    }
}

impl Policy {
    /// Reads the files and prints what the engine says of them.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Check(command) => command.run(out),
            Command::Eval(command) => command.run(out),
        }
    }
}

/// The exit status of a check whose file cannot be read: nothing was checked, unlike 1 for a file with errors.
const UNREADABLE: u8 = 2;

impl Check {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let read = |path: &PathBuf| Ok((path.display().to_string(), read(path)?));
        let files = self
            .files
            .iter()
            .map(read)
            .collect::<anyhow::Result<Vec<_>>>();
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                eprintln!("palisade: {error:#}");
                return Ok(ExitCode::from(UNREADABLE));
            }
        };
        let named = files
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.as_slice()));
        let kind = self.kind.map(PolicyKind::from);
        let report = check_with_names(named, kind, &Actions::unpack());
        out.write_all(report.render(self.format.into()).as_bytes())?;
        let fails = report.has_errors() || (self.strict && report.has_findings());
        Ok(if fails {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Eval {
    /// Both decisions are successes; only a file that is no case is not.
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let bytes = read(&self.case)?;
        let printed = eval_case(&bytes, self.format.into());
        let printed = printed.with_context(|| format!("{} is no case", self.case.display()))?;
        out.write_all(printed.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
