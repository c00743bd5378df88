//! `palisade waf explain`: why a request was decided as it was, by the web ACL of that moment.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use palisade_edge::log::versions_of;
use palisade_waf::recorded::{Decided, Recorded};
use palisade_waf::{Bump, Counters, Decision, Explanation, Moment, render};
use serde_json::json;

use super::policy::PolicySource;
use super::records::Lines;
use super::{read, request_line};
use crate::command::Format;

/// Explains a decision of `palisade waf serve`: every rule that was evaluated, what it found where, or why not.
#[derive(Args, Debug)]
#[group(id = "sources", required = true, multiple = true, args = ["log", "record"])]
pub struct Explain {
    /// The id that the answer and the log record name
    #[arg(value_name = "REQUEST_ID")]
    id: String,

    /// The listener's log
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The folder the listener recorded requests in: with their bodies
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    /// Finds the request and asks the ACL of that moment again.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let (request, decided, versions) = self.find()?;
        let path = versions.join(format!("{}.json", decided.acl_version));
        let source = PolicySource::of_kept(&read(&path)?);
        let source =
            source.with_context(|| format!("{} is no version of a web ACL", path.display()))?;
        let policy = source.compile()?.policy;
        let moment = Moment {
            now_ms: request.time_ms.unwrap_or(0),
            token: decided.token,
        };
        let counters = Counters::recorded(&decided.rates);
        let (decision, explanation) =
            request.ask(|asked| policy.acl.explain(asked, &moment, &counters, &Bump::new()));
        let told = Told {
            request: &request,
            decided: &decided,
            name: &policy.id,
            decision: &decision,
            explanation: &explanation,
        };
        match self.format {
            Format::Text => told.text(out)?,
            Format::Json => told.json(out)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The request as the log has it, with the body that was recorded; how it was decided; where versions of its ACL are.
    fn find(&self) -> anyhow::Result<(Recorded, Decided, PathBuf)> {
        let mut found: Option<(Recorded, PathBuf)> = None;
        for source in [&self.log, &self.record].into_iter().flatten() {
            let Some(request) = self.find_in(source)? else {
                continue;
            };
            match &mut found {
                Some((logged, _)) => {
                    logged.body = request.body;
                    logged.body_complete = request.body_complete;
                }
                None => found = Some((request, versions_of(source))),
            }
        }
        let (request, versions) =
            found.with_context(|| format!("no record has the id {}", self.id))?;
        let decided = request.decided.clone();
        let decided = decided.context("the record does not name the version of its web ACL: it is none of `palisade waf serve`")?;
        Ok((request, decided, versions))
    }

    fn find_in(&self, path: &PathBuf) -> anyhow::Result<Option<Recorded>> {
        let mut lines = Lines::of(std::slice::from_ref(path))?;
        while let Some(chunk) = lines.next_chunk()? {
            for line in chunk.lines() {
                if memchr::memmem::find(line.text, self.id.as_bytes()).is_none() {
                    continue;
                }
                let request = line.request()?;
                if request.id.as_deref() == Some(&self.id) {
                    return Ok(Some(request));
                }
            }
        }
        Ok(None)
    }
}

/// What is told.
struct Told<'a> {
    request: &'a Recorded,
    decided: &'a Decided,
    name: &'a str,
    decision: &'a Decision,
    explanation: &'a Explanation,
}

impl Told<'_> {
    fn text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let line = render::decision_line(self.decision, self.explanation);
        writeln!(
            out,
            "{} from {}: {line}",
            request_line(self.request),
            self.request.client
        )?;
        let version = self
            .decided
            .acl_version
            .get(..12)
            .unwrap_or(&self.decided.acl_version);
        writeln!(
            out,
            "  by {} in its version {version}, in {} µs",
            self.name, self.decided.took_us
        )?;
        if let Some(note) = self.differs() {
            writeln!(out, "  {note}")?;
        }
        for line in render::explanation_text(self.explanation).lines() {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    fn json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut value = render::decision_json(self.decision);
        value["httpRequest"] = json!({"httpMethod": self.request.method, "uri": self.request.uri, "requestId": self.request.id, "clientIp": self.request.client});
        value["webaclId"] = self.name.into();
        value["webAclVersion"] = self.decided.acl_version.as_str().into();
        value["tookUs"] = self.decided.took_us.into();
        value["recordedAction"] = self.request.action.as_deref().into();
        value["explanation"] = render::explanation_json(self.explanation);
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
        Ok(())
    }

    /// What is said where the record does not hold all that the decision was made of.
    fn differs(&self) -> Option<String> {
        let was = self
            .request
            .action
            .as_deref()
            .filter(|was| *was != self.decision.verdict.name())?;
        let body = match self.request.body {
            None => "without the body, which a log does not hold; --record keeps it",
            Some(_) => {
                "from what the record holds: fields are redacted or hidden in it, or this is another version of Palisade"
            }
        };
        Some(format!("it was {was} then; this is {body}"))
    }
}
