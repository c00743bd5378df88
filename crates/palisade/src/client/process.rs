//! `credential_process`: a program that prints credentials.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use palisade_core::Secret;
use palisade_model::Timestamp;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use super::source::Credentials;

/// The one form there is.
const VERSION: u64 = 1;
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;
/// How long it may take: it may ask somebody for a second factor.
const TIME_MAX: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u64,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Runs the program, without a shell, and reads what it prints. What it says on stderr is shown as it comes.
///
/// # Errors
/// When it fails, takes too long, or prints something else than credentials that are good now.
pub async fn run(command: &str) -> anyhow::Result<Credentials> {
    let words = split(command).context("credential_process: a quote is not closed")?;
    let (program, arguments) = words.split_first().context("credential_process is empty")?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("credential_process: cannot run {program}"))?;
    let mut printed = Vec::new();
    let output = child
        .stdout
        .take()
        .context("credential_process has no output")?;
    let ended = async {
        output
            .take(OUTPUT_BYTES_MAX + 1)
            .read_to_end(&mut printed)
            .await?;
        child.wait().await
    };
    let status = tokio::time::timeout(TIME_MAX, ended)
        .await
        .with_context(|| format!("credential_process: {program} took too long"))??;
    ensure!(
        status.success(),
        "credential_process: {program} ended with {status}"
    );
    ensure!(
        printed.len() as u64 <= OUTPUT_BYTES_MAX,
        "credential_process: {program} printed too much"
    );
    parse(&printed, i64::try_from(super::now()).unwrap_or(i64::MAX))
}

/// What the program printed; the errors never repeat it: it holds a secret.
fn parse(printed: &[u8], now_seconds: i64) -> anyhow::Result<Credentials> {
    let Ok(printed) = serde_json::from_slice::<Printed>(printed) else {
        bail!("credential_process printed no JSON object with a Version");
    };
    ensure!(
        printed.version == VERSION,
        "credential_process printed Version {}, palisade reads Version {VERSION}",
        printed.version
    );
    let (Some(access_key_id), Some(secret)) = (printed.access_key_id, printed.secret_access_key)
    else {
        bail!("credential_process printed no AccessKeyId or no SecretAccessKey");
    };
    if let Some(text) = printed.expiration {
        let expires = Timestamp::parse_any(&text)
            .context("credential_process printed an Expiration that is no time")?;
        ensure!(
            expires.seconds() > now_seconds,
            "the credentials that credential_process printed expired at {expires}"
        );
    }
    Ok(Credentials {
        access_key_id,
        secret: Secret::new(secret),
        session_token: printed.session_token,
    })
}

/// Splits into words as a POSIX shell does, with quotes and backslashes and nothing else of it; `None` if a quote is open.
fn split(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            escaped @ ('"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_does() {
        for (command, words) in [
            ("/bin/get --for a", vec!["/bin/get", "--for", "a"]),
            (
                " a  'b c' \"d \\\"e\\\"\" f\\ g '' ",
                vec!["a", "b c", "d \"e\"", "f g", ""],
            ),
            (r#"x "\n" a'b'c"#, vec!["x", r"\n", "abc"]),
            ("", vec![]),
        ] {
            assert_eq!(split(command).unwrap(), words, "{command}");
        }
        for open in ["a 'b", "a \"b", "a \\"] {
            assert_eq!(split(open), None, "{open}");
        }
    }

    #[test]
    fn what_is_printed_must_be_good_now() {
        let with = |more: &str| {
            let text = format!(
                r#"{{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hunter2"{more}}}"#
            );
            parse(text.as_bytes(), 1_795_521_600)
        };
        let found = with(r#", "SessionToken": "t", "Expiration": "2026-11-24T12:00:01Z""#).unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.session_token.as_deref()),
            ("A", Some("t"))
        );
        assert!(with("").unwrap().session_token.is_none());
        for more in [
            r#", "Expiration": "2026-11-24T12:00:00Z""#,
            r#", "Expiration": "tomorrow""#,
        ] {
            let error = format!("{:#}", with(more).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
        for text in [
            "",
            "hunter2",
            "{}",
            r#"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "hunter2"}"#,
            r#"{"Version": 1, "AccessKeyId": "A"}"#,
        ] {
            let error = format!("{:#}", parse(text.as_bytes(), 0).unwrap_err());
            assert!(
                error.starts_with("credential_process") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
