//! What `palisade policy check` and `palisade policy eval` print, without the files and the process around them.

use crate::case::Case;
use crate::document::{Effect, Policy};
use crate::error::{Code, Finding, PolicyError, Severity};
use crate::explain::{Explanation, StatementTrace, describe_failure, explain};
use crate::json::Position;
use crate::lint::PolicyKind;
use crate::lint_names::ActionCatalog;
use serde_json::{Value, json};
use std::fmt::Write;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What was found in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileReport {
    /// The file, as named by the caller.
    pub file: String,
    /// The kind it was checked as; `None` if it is no policy at all.
    pub kind: Option<PolicyKind>,
    /// What was found, in the order of the text.
    pub findings: Vec<Finding>,
}

/// What was found in all files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// A report for each file, in the order given.
    pub files: Vec<FileReport>,
}

/// Checks files, each a name and its bytes, as policies of a kind, or of the kind each looks like.
///
/// ```
/// use palisade_policy::cli::{Format, check};
/// let report = check([("p.json", br#"{"Statement": {"Effect": "Allow"}}"#.as_slice())], None);
/// assert!(report.has_errors());
/// assert!(report.render(Format::Text).starts_with("p.json:1:15: error: Policy statement must contain actions."));
/// ```
pub fn check<'a, N: Into<String>>(
    files: impl IntoIterator<Item = (N, &'a [u8])>,
    kind: Option<PolicyKind>,
) -> Report {
    check_all(files, kind, None)
}

/// The same, and which names of services, actions and condition keys nothing in `catalog` has.
pub fn check_with_names<'a, N: Into<String>>(
    files: impl IntoIterator<Item = (N, &'a [u8])>,
    kind: Option<PolicyKind>,
    catalog: &dyn ActionCatalog,
) -> Report {
    check_all(files, kind, Some(catalog))
}

fn check_all<'a, N: Into<String>>(
    files: impl IntoIterator<Item = (N, &'a [u8])>,
    kind: Option<PolicyKind>,
    catalog: Option<&dyn ActionCatalog>,
) -> Report {
    let files = files
        .into_iter()
        .map(|(name, bytes)| check_file(name.into(), bytes, kind, catalog));
    Report {
        files: files.collect(),
    }
}

fn check_file(
    file: String,
    bytes: &[u8],
    kind: Option<PolicyKind>,
    catalog: Option<&dyn ActionCatalog>,
) -> FileReport {
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => Policy::parse_all(text),
        Err(_) => Err(vec![not_utf8()]),
    };
    match parsed {
        Ok(policy) => {
            let kind = kind.unwrap_or_else(|| PolicyKind::guess(&policy));
            let mut findings = policy.check(kind);
            if let Some(catalog) = catalog {
                findings.extend(policy.check_names(catalog));
                findings.sort_by_key(|finding| finding.at);
            }
            FileReport {
                file,
                kind: Some(kind),
                findings,
            }
        }
        Err(mut findings) => {
            findings.sort_by_key(|finding| finding.at);
            FileReport {
                file,
                kind: None,
                findings,
            }
        }
    }
}

fn not_utf8() -> Finding {
    Finding::new(
        Code::NotUtf8,
        Position { line: 1, column: 1 },
        "the file is not UTF-8 text",
    )
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

impl Report {
    /// True if any file has an error; warnings are none.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// True if any file has an error or a warning.
    pub fn has_findings(&self) -> bool {
        self.files.iter().any(|file| !file.findings.is_empty())
    }

    fn count(&self, severity: Severity) -> usize {
        let findings = self.files.iter().flat_map(|file| &file.findings);
        findings
            .filter(|finding| finding.severity() == severity)
            .count()
    }

    /// The report as printed, with a newline at its end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => pretty(&self.json()),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for FileReport { file, findings, .. } in &self.files {
            for finding in findings {
                let Position { line, column } = finding.at;
                let (severity, code) = (severity(finding), finding.code.as_str());
                let _ = writeln!(
                    out,
                    "{file}:{line}:{column}: {severity}: {} [{code}]",
                    finding.message
                );
            }
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let files = self.files.len();
        let _ = writeln!(
            out,
            "{files} file(s) checked: {errors} error(s), {warnings} warning(s)"
        );
        out
    }

    fn json(&self) -> Value {
        let files = self.files.iter().map(|file| {
            let findings = file.findings.iter().map(|finding| {
                json!({
                    "severity": severity(finding),
                    "code": finding.code.as_str(),
                    "line": finding.at.line,
                    "column": finding.at.column,
                    "message": finding.message,
                })
            });
            json!({
                "file": file.file,
                "kind": file.kind.map(PolicyKind::as_str),
                "findings": findings.collect::<Vec<_>>(),
            })
        });
        json!({
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "files": files.collect::<Vec<_>>(),
        })
    }
}

/// Evaluates a case file and prints the decision with everything that explains it. The error is for a file that
/// is no case; both decisions are successes.
pub fn eval_case(bytes: &[u8], format: Format) -> Result<String, PolicyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PolicyError(not_utf8()))?;
    let case = Case::parse(text)?;
    let explanation = explain(&case.request(), &case.layers());
    Ok(match format {
        Format::Text => explanation_text(&explanation),
        Format::Json => pretty(&explanation_json(&explanation)),
    })
}

fn word(allowed: bool) -> &'static str {
    if allowed { "Allow" } else { "Deny" }
}

/// An explanation as JSON; `policy eval` prints this.
pub fn explanation_json(explanation: &Explanation) -> Value {
    let deciding = explanation.statements.iter().filter(|trace| trace.decided);
    let exempt = explanation
        .exempt
        .iter()
        .map(|(layer, why)| json!({"layer": layer.as_str(), "why": why}));
    json!({
        "decision": word(explanation.reason.is_allowed()),
        "reason": explanation.reason.to_string(),
        "message": explanation.message,
        "deciding": deciding.map(trace_title_json).collect::<Vec<_>>(),
        "statements": explanation.statements.iter().map(trace_json).collect::<Vec<_>>(),
        "exempt": exempt.collect::<Vec<_>>(),
        "other_outcome": explanation.other_outcome,
    })
}

fn trace_title_json(trace: &StatementTrace) -> Value {
    json!({
        "layer": trace.layer.as_str(),
        "policy": trace.policy,
        "statement": trace.index,
        "sid": trace.sid,
        "effect": trace.effect.as_str(),
    })
}

fn trace_json(trace: &StatementTrace) -> Value {
    let mut out = trace_title_json(trace);
    let failed = trace.failed.iter().map(|failure| {
        json!({
            "element": failure.element,
            "expected": failure.expected,
            "excludes": failure.excludes,
            "saw": failure.saw,
            "note": failure.note,
        })
    });
    out["applies"] = json!(trace.applies());
    out["names"] = json!(trace.names);
    out["failed"] = failed.collect();
    out
}

fn explanation_text(explanation: &Explanation) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {}",
        word(explanation.reason.is_allowed()),
        explanation.reason
    );
    if let Some(message) = &explanation.message {
        let _ = writeln!(out, "{message}");
    }
    if !explanation.statements.is_empty() {
        let _ = writeln!(out, "\nStatements considered:");
    }
    for trace in &explanation.statements {
        let sid = trace
            .sid
            .as_ref()
            .map(|sid| format!(" ({sid})"))
            .unwrap_or_default();
        let mark = if trace.decided { "*" } else { " " };
        let effect = trace.effect.as_str();
        let verdict = match (trace.applies(), trace.effect) {
            (true, Effect::Allow) => "applies: allows",
            (true, Effect::Deny) => "applies: denies",
            (false, _) => "does not apply",
        };
        let _ = writeln!(
            out,
            "{mark} {} statement {}{sid} {effect}: {verdict}",
            trace.policy, trace.index
        );
        for failure in &trace.failed {
            let _ = writeln!(out, "      {}", describe_failure(failure));
        }
    }
    for (layer, why) in &explanation.exempt {
        let _ = writeln!(out, "  {} not considered: {why}", layer.as_str());
    }
    let _ = writeln!(out, "\nFor the other outcome:");
    for line in &explanation.other_outcome {
        let _ = writeln!(out, "- {line}");
    }
    out
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
