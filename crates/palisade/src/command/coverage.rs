//! `palisade coverage`: what is implemented, from the server's own registry, counted against the models.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use palisade_model::catalog;
use serde_json::{Value, json};

use crate::assemble;

/// Counts operations: real, stored only (kept and echoed, without effect yet), and missing.
#[derive(Args, Debug)]
pub struct Coverage {
    /// One service, by the name of its model
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// List the names of missing operations
    #[arg(long)]
    missing: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: TableFormat,
}

/// How the count is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum TableFormat {
    /// A Markdown table.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// A service's operations.
struct Counted {
    service: &'static str,
    real: Vec<&'static str>,
    stored_only: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl Coverage {
    /// Counts and prints.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let registry = assemble::services(assemble::bare_surroundings(), Vec::new())?;
        let wanted = |name: &str| {
            self.service
                .as_deref()
                .is_none_or(|service| service == name)
        };
        let counted: Vec<Counted> = catalog::services()
            .iter()
            .filter(|s| wanted(s.name))
            .map(|s| count(s, &registry))
            .collect();
        anyhow::ensure!(
            !counted.is_empty(),
            "there is no model named {}",
            self.service.unwrap_or_default()
        );
        match self.format {
            TableFormat::Json => {
                writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&counted))?)?
            }
            TableFormat::Table => print_table(out, &counted, self.missing)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn count(service: &'static catalog::Service, registry: &palisade_core::Services) -> Counted {
    let rows = registry
        .get(service.name)
        .map_or(&[][..], |service| service.rows());
    let mut counted = Counted {
        service: service.name,
        real: vec![],
        stored_only: vec![],
        missing: vec![],
    };
    for name in service.operation_names() {
        match rows.iter().find(|row| row.name == name) {
            Some(row) if row.stored_only => counted.stored_only.push(name),
            Some(_) => counted.real.push(name),
            None => counted.missing.push(name),
        }
    }
    counted
}

fn as_json(counted: &[Counted]) -> Value {
    let services = counted.iter().map(|c| {
        let entry = json!({"real": c.real, "stored_only": c.stored_only, "missing": c.missing});
        (c.service.to_owned(), entry)
    });
    json!({"botocore": catalog::botocore_version(), "services": serde_json::Map::from_iter(services)})
}

fn print_table(out: &mut dyn Write, counted: &[Counted], missing: bool) -> std::io::Result<()> {
    writeln!(
        out,
        "Operations implemented, against the models of botocore {}:\n",
        catalog::botocore_version()
    )?;
    writeln!(
        out,
        "| service | real | stored only | missing | in the model |\n|---|---:|---:|---:|---:|"
    )?;
    for c in counted {
        let total = c.real.len() + c.stored_only.len() + c.missing.len();
        writeln!(
            out,
            "| {} | {} | {} | {} | {total} |",
            c.service,
            c.real.len(),
            c.stored_only.len(),
            c.missing.len()
        )?;
    }
    if missing {
        for c in counted.iter().filter(|c| !c.missing.is_empty()) {
            writeln!(out, "\n{}: {}", c.service, c.missing.join(", "))?;
        }
    }
    Ok(())
}
