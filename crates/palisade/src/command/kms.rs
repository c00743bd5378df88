//! `palisade kms`: who used a key, from the journal; and who may.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{Format, ServerOptions, counted, list, period, text};
use crate::client::Client;

/// Asks a server about its keys.
#[derive(Args, Debug)]
pub struct Kms {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Who used a key, for what, under which material, with which context
    Usage(Usage),
    /// Who may use and manage a key, by which policies and grants, under which conditions
    Access(Access),
}

#[derive(Args, Debug)]
struct Usage {
    /// Key id, alias, or the ARN of either
    #[arg(value_name = "KEY")]
    key: String,

    /// The period looked at: 90d, 12h, 45m
    #[arg(long, value_name = "PERIOD", value_parser = period, default_value = "90d")]
    since: Duration,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Args, Debug)]
struct Access {
    /// Key id, alias, or the ARN of either
    #[arg(value_name = "KEY")]
    key: String,

    /// One action, such as kms:Decrypt [default: all on the key]
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    server: ServerOptions,
}

impl Kms {
    /// Asks and prints.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Usage(usage) => usage.run(out).await,
            Command::Access(access) => access.run(out).await,
        }
    }
}

impl Usage {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let client = self.server.client().await?;
        let found = usage(&client, &self.key, self.since).await?;
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
            Format::Text => {
                let uses = list(&found, "Uses");
                writeln!(out, "{}", text(&found, "KeyArn"))?;
                let counts = uses.iter().filter_map(|used| used["Count"].as_u64());
                let total = usize::try_from(counts.sum::<u64>())?;
                writeln!(
                    out,
                    "since {}: {}",
                    text(&found, "Since"),
                    counted(total, "use")
                )?;
                print_uses(out, uses)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Access {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let client = self.server.client().await?;
        let mut body = json!({"KeyId": self.key});
        if let Some(action) = &self.action {
            body["Action"] = action.as_str().into();
        }
        let mut access: Vec<Value> = Vec::new();
        let key = loop {
            let page = client
                .call(Method::POST, "/_palisade/kms/access", Some(&body))
                .await?;
            access.extend(list(&page, "Access").iter().cloned());
            match page.get("NextToken").filter(|token| token.is_string()) {
                Some(token) => body["NextToken"] = token.clone(),
                None => break page["KeyArn"].clone(),
            }
        };
        let found = json!({"KeyArn": key, "Access": access});
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
            Format::Text => {
                writeln!(out, "{}", text(&found, "KeyArn"))?;
                access.iter().try_for_each(|one| print_access(out, one))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a principal may, and by which ways.
fn print_access(out: &mut dyn Write, access: &Value) -> std::io::Result<()> {
    let outside = if access["Outside"] == true {
        " (not of this account)"
    } else {
        ""
    };
    writeln!(out, "{}{outside}", text(access, "Principal"))?;
    let actions: Vec<&str> = list(access, "Actions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    writeln!(out, "  may {}", actions.join(" "))?;
    for path in list(access, "Paths") {
        let steps: Vec<String> = list(path, "Steps").iter().map(step).collect();
        writeln!(out, "    by {}", steps.join(" and "))?;
    }
    for denial in list(access, "Unless") {
        writeln!(out, "    but not by {}", statement(denial))?;
    }
    Ok(())
}

/// The statements of a layer, one of which must apply.
fn step(step: &Value) -> String {
    let any_of: Vec<String> = list(step, "AnyOf").iter().map(statement).collect();
    any_of.join(" or ")
}

/// A statement by its policy, with what it hangs on.
fn statement(statement: &Value) -> String {
    let sid = match text(statement, "Sid") {
        "" => String::new(),
        sid => format!(" ({sid})"),
    };
    let conditions: Vec<&str> = list(statement, "Conditions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let conditions = match conditions.join(" and ") {
        none if none.is_empty() => none,
        some => format!(" if {some}"),
    };
    let number = &statement["Statement"];
    let policy = text(statement, "Policy");
    match (text(statement, "Layer"), policy) {
        (_, own) if own.starts_with('(') => own.to_owned(),
        ("resource", policy) => format!("{policy} statement {number}{sid}{conditions}"),
        (layer, policy) => format!("{layer} policy {policy} statement {number}{sid}{conditions}"),
    }
}

/// The uses of a key in a period: all pages of them, added up.
async fn usage(client: &Client, key: &str, since: Duration) -> anyhow::Result<Value> {
    let mut body = json!({"KeyId": key, "Period": format!("PT{}S", since.as_secs())});
    let mut sum = Sum::default();
    loop {
        let page = client
            .call(Method::POST, "/_palisade/kms/usage", Some(&body))
            .await?;
        list(&page, "Uses").iter().for_each(|used| sum.add(used));
        match page.get("NextToken").filter(|token| token.is_string()) {
            Some(token) => body["NextToken"] = token.clone(),
            None => {
                return Ok(json!({
                    "KeyArn": page["KeyArn"],
                    "Since": page["Since"],
                    "Uses": sum.uses(),
                }));
            }
        }
    }
}

/// Uses by what they have in common.
#[derive(Default)]
struct Sum(BTreeMap<String, Value>);

impl Sum {
    fn add(&mut self, used: &Value) {
        let mut kind = used.clone();
        for member in ["Count", "First", "Last"] {
            kind.as_object_mut().map(|kind| kind.remove(member));
        }
        let so_far = self.0.entry(kind.to_string()).or_insert_with(|| {
            let mut none = used.clone();
            none["Count"] = 0.into();
            none
        });
        let count = so_far["Count"].as_u64().unwrap_or(0) + used["Count"].as_u64().unwrap_or(0);
        so_far["Count"] = count.into();
        if moment(used, "First") < moment(so_far, "First") {
            so_far["First"] = used["First"].clone();
        }
        if moment(used, "Last") > moment(so_far, "Last") {
            so_far["Last"] = used["Last"].clone();
        }
    }

    fn uses(self) -> Vec<Value> {
        let mut uses: Vec<Value> = self.0.into_values().collect();
        uses.sort_by_key(|used| std::cmp::Reverse(used["Count"].as_u64()));
        uses
    }
}

/// Moments as ISO 8601 writes them in UTC, without the `Z`, are in the order of their letters.
fn moment<'a>(used: &'a Value, name: &str) -> &'a str {
    text(used, name).trim_end_matches('Z')
}

/// A use a line.
pub(crate) fn print_uses(out: &mut dyn Write, uses: &[Value]) -> std::io::Result<()> {
    for used in uses {
        let outcome = match text(used, "Outcome") {
            "success" => String::new(),
            other => format!(" ({other})"),
        };
        write!(
            out,
            "  {} × kms:{}{outcome} by {}",
            used["Count"],
            text(used, "Operation"),
            text(used, "Principal")
        )?;
        if let Some(via) = used["Via"].as_str() {
            write!(out, " via {via}")?;
        }
        let keys: Vec<&str> = list(used, "ContextKeys")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !keys.is_empty() {
            write!(out, ", context {}", keys.join(" "))?;
        }
        if let Some(material) = used["KeyMaterialId"].as_str() {
            write!(out, ", material {}", material.get(..8).unwrap_or(material))?;
        }
        writeln!(out, ", {} to {}", text(used, "First"), text(used, "Last"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_add_up_by_what_uses_have_in_common() {
        let used = |operation: &str, count: u64, first: &str, last: &str| json!({"Principal": "p", "Operation": operation, "Count": count, "First": first, "Last": last});
        let mut sum = Sum::default();
        for one in [
            used("Encrypt", 2, "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"),
            used("Decrypt", 9, "2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z"),
            used("Encrypt", 8, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ] {
            sum.add(&one);
        }
        assert_eq!(
            sum.uses(),
            [
                used(
                    "Encrypt",
                    10,
                    "2026-01-01T00:00:00Z",
                    "2026-01-04T00:00:00Z"
                ),
                used("Decrypt", 9, "2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z"),
            ]
        );
    }

    #[test]
    fn a_way_in_names_its_statements_and_conditions() {
        let statement = |layer: &str, policy: &str, conditions: &[&str]| json!({"Layer": layer, "Policy": policy, "Statement": 0, "Sid": "S", "Conditions": conditions});
        let access = json!({"Principal": "arn:x", "Outside": false, "Actions": ["kms:Decrypt", "kms:Encrypt"],
            "Paths": [{"Steps": [{"AnyOf": [statement("resource", "key-policy", &[])]},
                {"AnyOf": [statement("identity", "inline:a", &["StringEquals a = b"]), statement("identity", "inline:b", &["Null c = true"])]}]}],
            "Unless": [statement("boundary", "b", &["Bool d = false"])]});
        let mut out = Vec::new();
        print_access(&mut out, &access).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "arn:x\n  may kms:Decrypt kms:Encrypt\n    by key-policy statement 0 (S) and identity policy inline:a statement 0 (S) if StringEquals a = b \
             or identity policy inline:b statement 0 (S) if Null c = true\n    but not by boundary policy b statement 0 (S) if Bool d = false\n"
        );
    }

    #[test]
    fn a_use_is_a_line() {
        let used = json!({"Principal": "arn:x", "Operation": "Decrypt", "Outcome": "failed", "ContextKeys": ["app", "env"],
            "KeyMaterialId": "0123456789abcdef", "Count": 3, "First": "a", "Last": "b"});
        let mut out = Vec::new();
        print_uses(&mut out, &[used]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  3 × kms:Decrypt (failed) by arn:x, context app env, material 01234567, a to b\n"
        );
    }
}
