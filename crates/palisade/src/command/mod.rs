//! The subcommands.

pub mod backup;
pub mod clock;
pub mod coverage;
pub mod explain;
pub mod journal;
pub mod keyring;
pub mod kms;
pub mod policy;
pub mod seal;
pub mod up;
pub mod waf;
pub mod what_if;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::client::{Client, Found};

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Which server to call, and as whom.
#[derive(Args, Clone, Debug)]
pub struct ServerOptions {
    /// Endpoint URL [default: AWS_ENDPOINT_URL, the profile's endpoint_url, or http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,

    /// Profile of the AWS files to take credentials from [default: as the AWS CLI finds them]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl ServerOptions {
    /// A client for the server these options and the environment name.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let (profile, endpoint) = (self.profile.as_deref(), self.endpoint_url.as_deref());
        Client::of(Found::find(profile, endpoint)?).await
    }
}

/// A text member of an answer; empty where it is absent.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list member of an answer; empty where it is absent.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// How a call ended: its outcome, with code and message where it failed.
fn outcome(call: &Value) -> String {
    match text(call, "ErrorCode") {
        "" => text(call, "Outcome").to_owned(),
        code => {
            // What `--explain-denials` adds says nothing to a reader.
            let (message, _) = text(call, "ErrorMessage")
                .split_once(". Encoded authorization failure message:")
                .unwrap_or((text(call, "ErrorMessage"), ""));
            format!("{} ({code}: {message})", text(call, "Outcome"))
        }
    }
}

/// `1 call`, `2 calls`.
fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A period as options give it: a number and a unit.
fn period(text: &str) -> Result<Duration, String> {
    let wrong = || "a period is a number and a unit: 30d, 12h, 45m, 90s".to_owned();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..unit_at].parse().map_err(|_| wrong())?;
    let seconds = match &text[unit_at..] {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_a_unit() {
        assert_eq!(period("30d"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(period("45m"), Ok(Duration::from_secs(2_700)));
        for bad in [
            "",
            "30",
            "d",
            "1w",
            "-1d",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert!(period(bad).is_err(), "{bad}");
        }
    }
}
