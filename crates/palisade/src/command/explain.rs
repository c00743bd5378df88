//! `palisade explain`: why a call was answered as it was.

use std::io::Write;

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{Format, ServerOptions, counted, list, outcome, text};

/// Explains a recorded call: who called, through which chain of sessions, the questions asked, the statements that decided, and
/// what would have to be true for the other outcome.
#[derive(Args, Debug)]
pub struct Explain {
    /// The request's id (the answer's x-amzn-requestid) or the event's id
    id: String,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    server: ServerOptions,
}

impl Explain {
    /// Asks the server and prints its answer.
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<std::process::ExitCode> {
        let valid =
            self.id.len() == 36 && self.id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        anyhow::ensure!(
            valid,
            "a request's id looks like 01980000-0000-7000-8000-000000000000"
        );
        let path = format!("/_palisade/explain/{}", self.id.to_ascii_lowercase());
        let client = self.server.client().await?;
        let answer = client.call(Method::GET, &path, None).await?;
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
            Format::Text => print(out, &answer)?,
        }
        Ok(std::process::ExitCode::SUCCESS)
    }
}

fn print(out: &mut dyn Write, answer: &Value) -> std::io::Result<()> {
    if let Some(failure) = answer.get("AuthenticationFailure") {
        return print_failure(out, failure);
    }
    let call = &answer["Call"];
    writeln!(
        out,
        "{}:{}  {}",
        text(call, "Service"),
        text(call, "Operation"),
        outcome(call)
    )?;
    writeln!(
        out,
        "  request  {}  at {}",
        text(call, "RequestId"),
        text(call, "Time")
    )?;
    writeln!(out, "  caller   {}", text(call, "Arn"))?;
    writeln!(
        out,
        "  from     {}  {}",
        text(call, "SourceIp"),
        text(call, "UserAgent")
    )?;
    if let Some(branch) = call.get("BranchId").and_then(Value::as_str) {
        writeln!(out, "  branch   {branch} (what-if: nothing of it was kept)")?;
    }
    for link in list(answer, "Chain") {
        let (operation, who) = (text(link, "Operation"), text(link, "Arn"));
        writeln!(
            out,
            "  session  from {operation} by {who} at {} (request {})",
            text(link, "Time"),
            text(link, "RequestId")
        )?;
    }
    for question in list(answer, "Questions") {
        print_question(out, question)?;
    }
    Ok(())
}

fn print_failure(out: &mut dyn Write, failure: &Value) -> std::io::Result<()> {
    let count = failure["Count"].as_u64().unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    writeln!(
        out,
        "not authenticated: {}: {}",
        text(failure, "Code"),
        text(failure, "Detail")
    )?;
    let source = text(failure, "SourceIp");
    match (text(failure, "AccessKeyId"), text(failure, "Service")) {
        ("", _) => writeln!(out, "  from     {source}")?,
        (key, service) => writeln!(out, "  key      {key}  for {service}  from {source}")?,
    }
    writeln!(
        out,
        "  seen     {}, the last at {}",
        counted(count, "time"),
        text(failure, "LastTime")
    )
}

fn print_question(out: &mut dyn Write, question: &Value) -> std::io::Result<()> {
    let verdict = if question["Allowed"] == true {
        "allowed"
    } else {
        "denied"
    };
    writeln!(
        out,
        "\nmay {} on {}?  {verdict} ({})",
        text(question, "Action"),
        text(question, "Resource"),
        text(question, "Reason")
    )?;
    for entry in list(question, "Context") {
        let values: Vec<&str> = list(entry, "Values")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let values = shortened(&values.join(", "));
        writeln!(out, "  {} = {values}", text(entry, "Key"))?;
    }
    for statement in list(question, "Deciding") {
        writeln!(out, "  decided by {}", place(statement))?;
    }
    for statement in list(question, "Considered") {
        let verdict = match text(statement, "FailedElement") {
            "" => "matches".to_owned(),
            element => format!("no match: {element} {}", text(statement, "Detail")),
        };
        writeln!(
            out,
            "  {} {}: {}",
            text(statement, "Effect"),
            place(statement),
            verdict.trim_end()
        )?;
    }
    for hidden in list(question, "Hidden") {
        writeln!(out, "  {}", hidden.as_str().unwrap_or_default())?;
    }
    for nearly in list(question, "Nearly") {
        writeln!(out, "  {}", nearly.as_str().unwrap_or_default())?;
    }
    let other = list(question, "OtherOutcome");
    if !other.is_empty() {
        writeln!(out, "  the other outcome needs:")?;
    }
    for condition in other {
        writeln!(out, "    {}", condition.as_str().unwrap_or_default())?;
    }
    match text(question, "Note") {
        "" => Ok(()),
        note => writeln!(out, "  note: {note}"),
    }
}

/// A value that a line has room for; the JSON form has all of it.
fn shortened(value: &str) -> String {
    const CHARACTERS_MAX: usize = 72;
    match value.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn place(statement: &Value) -> String {
    let number = &statement["Statement"];
    let sid = match text(statement, "Sid") {
        "" => String::new(),
        sid => format!(" ({sid})"),
    };
    format!(
        "statement {number}{sid} of {} policy {}",
        text(statement, "Layer"),
        text(statement, "Policy")
    )
}
