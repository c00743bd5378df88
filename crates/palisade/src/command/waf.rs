//! `palisade waf`: the web ACL engine on files alone, and as a proxy before an application.

mod certificates;
mod explain;
mod policy;
mod records;
mod reload;
mod replay;
mod serve;

use std::io::{BufRead as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use palisade_managed::Listener;
use palisade_waf::detect::Environment;
use palisade_waf::model::ResourceType;
use palisade_waf::origins::{OriginTable, OriginsBuilder};
use palisade_waf::recorded::{self, Recorded};
use palisade_waf::{
    Acl, BodyInspection, Bump, Counters, Decision, Document, Explanation, Moment, TokenState,
    capacity, render,
};
use serde_json::{Value, json};

use super::{Format, counted};

/// Bytes of a file with requests, at most; a log is read line by line and may be longer.
const REQUESTS_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a body that are inspected where it is inspected whole.
const BODY_BYTES_WHOLE: usize = 128 << 10;
/// Exit status where a request was not let through.
const BLOCKED: u8 = 3;

/// Serves web ACLs, checks them, and asks them about requests, from files.
#[derive(Args, Debug)]
pub struct Waf {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Decides every request before an application by a web ACL
    Serve(Box<serve::Serve>),
    /// Explains a decision of `serve` by its request's id
    Explain(explain::Explain),
    /// Tells what another web ACL would make of recorded requests
    Replay(Box<replay::Replay>),
    /// Checks a web ACL and decides requests by it; exit status 3 if one is blocked
    Check(Check),
    /// Counts the capacity units (WCU) of a web ACL or rule group
    Capacity(Capacity),
    /// Countries and autonomous systems of addresses
    #[command(subcommand)]
    Geo(Geo),
}

#[derive(Subcommand, Debug)]
enum Geo {
    /// Makes the table that `--geo` reads, from CSV lines FIRST,LAST,VALUE
    Build(GeoBuild),
}

#[derive(Args, Debug)]
struct GeoBuild {
    /// Ranges with the two letters of a country (repeatable)
    #[arg(long, value_name = "FILE")]
    country: Vec<PathBuf>,

    /// Ranges with the number of an autonomous system (repeatable)
    #[arg(long, value_name = "FILE")]
    asn: Vec<PathBuf>,

    /// Where to write the table
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args, Debug)]
struct Check {
    #[command(flatten)]
    by: By,

    /// Rule groups, IP sets and regex pattern sets that it refers to (repeatable)
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,

    #[command(flatten)]
    requests: Requests,

    /// How much of a body is inspected: as AWS does before the resource, or up to 128 KiB [default: aws with --web-acl, whole with
    /// --managed]
    #[arg(long, value_enum, value_name = "HOW")]
    body: Option<Body>,

    /// What it protects, which decides how much of a body is inspected [default: by the ACL's ARN]
    #[arg(long, value_name = "TYPE", value_parser = resource)]
    resource: Option<ResourceType>,

    /// Countries and autonomous systems of addresses, as `waf geo build` makes them
    #[arg(long, value_name = "FILE")]
    geo: Option<PathBuf>,

    /// Say of every rule what it found, or why not
    #[arg(long)]
    explain: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// By what requests are decided.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct By {
    /// The web ACL, in wafv2's JSON
    #[arg(long, value_name = "FILE")]
    web_acl: Option<PathBuf>,

    /// Managed rule groups by their short names, with commas between; `common` brings Palisade's own
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    managed: Vec<String>,
}

/// How much of a body is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Body {
    /// As much as AWS inspects
    Aws,
    /// All of it, up to 128 KiB
    Whole,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct Requests {
    /// One request, as HTTP/1.1 text
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,

    /// The requests of a HAR archive
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,

    /// The requests of a log in AWS WAF's record format; it holds no bodies, so rules on them are told as undecided
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Capacity {
    /// The web ACL or rule group, in wafv2's JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Rule groups, IP sets and regex pattern sets that it refers to (repeatable)
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,

    /// Countries and autonomous systems of addresses, as `waf geo build` makes them
    #[arg(long, value_name = "FILE")]
    geo: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn resource(name: &str) -> Result<ResourceType, String> {
    ResourceType::of(name).ok_or_else(|| {
        let names: Vec<&str> = ResourceType::ALL.iter().map(|kind| kind.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

impl Waf {
    /// Reads the files and prints what the engine says of them.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(serve) => serve.run(out),
            Command::Explain(explain) => explain.run(out),
            Command::Replay(replay) => replay.run(out),
            Command::Check(check) => {
                let format = check.format;
                check.run(out).or_else(|error| refused(out, format, error))
            }
            Command::Capacity(capacity) => capacity.run(out),
            Command::Geo(Geo::Build(build)) => build.run(out),
        }
    }
}

impl Check {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let (document, notices, name) = self.by.read(&self.with)?;
        let resource = self.resource.unwrap_or_else(|| default_resource(&document));
        let by_default = if self.by.managed.is_empty() {
            Body::Aws
        } else {
            Body::Whole
        };
        let body = match self.body.unwrap_or(by_default) {
            Body::Aws => BodyInspection::Aws(resource),
            Body::Whole => BodyInspection::Bytes(BODY_BYTES_WHOLE),
        };
        let acl = Acl::compile(&document, &environment(self.geo.as_deref())?, body);
        let acl = acl.with_context(|| format!("{name} is refused"))?;
        let mut report = Report {
            acl: &acl,
            counters: acl.counters(),
            explain: self.explain,
            format: self.format,
            total: 0,
            blocked: 0,
            results: Vec::new(),
        };
        for warning in acl.warnings().iter().chain(&notices) {
            report.line(out, &format!("warning: {warning}"))?;
        }
        if self.requests.is_given() {
            self.requests
                .each(|request| report.request(out, &request))?;
        }
        report.end(out, self.requests.is_given())?;
        Ok(if report.blocked > 0 {
            ExitCode::from(BLOCKED)
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl By {
    /// The document, what is to be said of it, and what it is called.
    fn read(&self, with: &[PathBuf]) -> anyhow::Result<(Document, Vec<String>, String)> {
        if let Some(path) = &self.web_acl {
            let document = read_documents(path, with)?;
            return Ok((document, Vec::new(), path.display().to_string()));
        }
        anyhow::ensure!(
            with.is_empty(),
            "managed groups refer to nothing that --with could bring"
        );
        let names: Vec<&str> = self.managed.iter().map(String::as_str).collect();
        // Requests in files reach no listener, and the host they name is their own.
        let managed = palisade_managed::web_acl(&names, Listener::default())?;
        Ok((managed.document, managed.notices, names.join(",")))
    }
}

impl Requests {
    fn is_given(&self) -> bool {
        self.request.is_some() || self.har.is_some() || self.log.is_some()
    }

    fn each(&self, mut visit: impl FnMut(Recorded) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if let Some(path) = &self.request {
            let request = recorded::http(&read(path)?);
            visit(request.with_context(|| format!("{} is no request", path.display()))?)?;
        }
        if let Some(path) = &self.har {
            let requests = recorded::har(&read(path)?)
                .with_context(|| format!("cannot read {}", path.display()))?;
            requests.into_iter().try_for_each(&mut visit)?;
        }
        if let Some(path) = &self.log {
            let file = std::fs::File::open(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            for (number, line) in std::io::BufReader::new(file).split(b'\n').enumerate() {
                let line = line.with_context(|| format!("cannot read {}", path.display()))?;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let record = recorded::log_record(&line);
                visit(
                    record.with_context(|| format!("line {} of {}", number + 1, path.display()))?,
                )?;
            }
        }
        Ok(())
    }
}

/// What is printed, and counted on the way.
struct Report<'a> {
    acl: &'a Acl,
    counters: Counters,
    explain: bool,
    format: Format,
    total: usize,
    blocked: usize,
    /// For JSON, which is printed at the end.
    results: Vec<Value>,
}

impl Report<'_> {
    fn request(&mut self, out: &mut dyn Write, request: &Recorded) -> anyhow::Result<()> {
        let now_ms = request.time_ms.unwrap_or_else(now_ms);
        let moment = Moment {
            now_ms,
            token: TokenState::Missing,
        };
        let (decision, explanation) = request.ask(|asked| {
            self.acl
                .explain(asked, &moment, &self.counters, &Bump::new())
        });
        self.total += 1;
        self.blocked += usize::from(!decision.verdict.passes());
        match self.format {
            Format::Json => {
                self.results
                    .push(self.json(request, &decision, &explanation));
                Ok(())
            }
            Format::Text => self.text(out, request, &decision, &explanation),
        }
    }

    fn json(&self, request: &Recorded, decision: &Decision, explanation: &Explanation) -> Value {
        let mut value = render::decision_json(decision);
        value["httpRequest"] =
            json!({"httpMethod": request.method, "uri": request.uri, "requestId": request.id});
        if let Some(action) = &request.action {
            value["recordedAction"] = action.as_str().into();
        }
        if self.explain {
            value["explanation"] = render::explanation_json(explanation);
        }
        value
    }

    /// A line for each request that is not let through, that is undecided, or that is explained.
    fn text(
        &self,
        out: &mut dyn Write,
        request: &Recorded,
        decision: &Decision,
        explanation: &Explanation,
    ) -> anyhow::Result<()> {
        if !decision.verdict.passes() || !decision.undecided.is_empty() || self.explain {
            let line = render::decision_line(decision, explanation);
            writeln!(out, "{}: {line}", request_line(request))?;
        }
        if self.explain {
            for line in render::explanation_text(explanation).lines() {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }

    fn line(&self, out: &mut dyn Write, line: &str) -> anyhow::Result<()> {
        if self.format == Format::Text {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, requests: bool) -> anyhow::Result<()> {
        if self.format == Format::Json {
            let report = json!({
                "valid": true,
                "capacity": self.acl.capacity(),
                "warnings": self.acl.warnings(),
                "requests": self.total,
                "blocked": self.blocked,
                "results": std::mem::take(&mut self.results),
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else if requests {
            writeln!(
                out,
                "{}, {} blocked",
                counted(self.total, "request"),
                self.blocked
            )?;
        } else {
            let (fields, lanes) = self.acl.shared_work();
            let work = format!(
                "{}, {} to compute",
                counted(fields, "field"),
                counted(lanes, "value")
            );
            writeln!(out, "valid: {} capacity units, {work}", self.acl.capacity())?;
        }
        Ok(())
    }
}

impl GeoBuild {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let mut builder = OriginsBuilder::default();
        let text = |path: &PathBuf| Ok::<_, anyhow::Error>(String::from_utf8(read(path)?)?);
        for path in &self.country {
            builder
                .countries(&text(path)?)
                .with_context(|| format!("{} is refused", path.display()))?;
        }
        for path in &self.asn {
            builder
                .systems(&text(path)?)
                .with_context(|| format!("{} is refused", path.display()))?;
        }
        let table = builder.build();
        std::fs::write(&self.output, table.to_bytes())
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        let (countries, systems) = table.len();
        writeln!(
            out,
            "{}: {} of countries, {} of systems",
            self.output.display(),
            counted(countries, "range"),
            counted(systems, "range")
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

/// For programs, a document that is refused is an answer too; other failures stay failures.
fn refused(out: &mut dyn Write, format: Format, error: anyhow::Error) -> anyhow::Result<ExitCode> {
    let Some(reason) = error
        .downcast_ref::<palisade_waf::Error>()
        .filter(|_| format == Format::Json)
    else {
        return Err(error);
    };
    let mut told = json!({"code": reason.code(), "message": reason.to_string()});
    if let palisade_waf::Error::Invalid(invalid) = reason {
        told["field"] = invalid.field.into();
        told["parameter"] = invalid.parameter.as_str().into();
        told["reason"] = invalid.reason.as_str().into();
    }
    let report = json!({"valid": false, "error": told});
    writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(ExitCode::FAILURE)
}

/// What there is around an ACL: Palisade's detectors, the managed groups, and data on addresses where a file of it is given.
fn environment(geo: Option<&Path>) -> anyhow::Result<Environment> {
    let mut environment = Environment {
        managed: Some(palisade_managed::groups()),
        ..Environment::default().with_detectors()
    };
    if let Some(path) = geo {
        let table = OriginTable::from_bytes(&read(path)?);
        environment.origins = Some(Arc::new(
            table.with_context(|| format!("{} is refused", path.display()))?,
        ));
    }
    Ok(environment)
}

impl Capacity {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let document = read_documents(&self.file, &self.with)?;
        let environment = environment(self.geo.as_deref())?;
        let (rules, total) = match &document.web_acl {
            Some(acl) => {
                let resource = default_resource(&document);
                let compiled = Acl::compile(&document, &environment, BodyInspection::Aws(resource));
                let compiled =
                    compiled.with_context(|| format!("{} is refused", self.file.display()))?;
                (&acl.rules, compiled.capacity())
            }
            None => match document.rule_groups.values().next() {
                Some(group) => (&group.rules, capacity::of_rules(&group.rules)),
                None => anyhow::bail!("{} holds no web ACL and no rule group", self.file.display()),
            },
        };
        let by_rule = capacity::by_rule(&document, &environment, rules);
        if self.format == Format::Json {
            let rule = |(name, units): &(&str, u64)| json!({"Name": name, "Capacity": units});
            let report =
                json!({"Capacity": total, "Rules": by_rule.iter().map(rule).collect::<Vec<_>>()});
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        for (name, units) in &by_rule {
            writeln!(out, "{units:5} {name}")?;
        }
        let alone: u64 = by_rule.iter().map(|(_, units)| units).sum();
        let shared = alone.saturating_sub(total);
        let note = if shared > 0 {
            format!(" ({shared} less than alone: transformations that rules share count once)")
        } else {
            String::new()
        };
        writeln!(out, "{total:5} in all{note}")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read_documents(first: &Path, more: &[PathBuf]) -> anyhow::Result<Document> {
    let mut document = Document::default();
    for path in std::iter::once(first).chain(more.iter().map(PathBuf::as_path)) {
        document
            .add(&read(path)?)
            .with_context(|| format!("{} is refused", path.display()))?;
    }
    Ok(document)
}

/// Method and target, for people.
fn request_line(request: &Recorded) -> String {
    let (method, uri) = (request.method.as_bytes(), request.uri.as_bytes());
    format!("{} {}", render::shown(method), render::shown(uri))
}

/// A distribution for a global ACL, else a load balancer.
fn default_resource(document: &Document) -> ResourceType {
    let arn = document.web_acl.as_ref().and_then(|acl| acl.arn.as_deref());
    match arn.and_then(|arn| arn.split(':').nth(5)) {
        Some(path) if path.starts_with("global/") => ResourceType::CloudFront,
        _ => ResourceType::ApplicationLoadBalancer,
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let length = std::fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    anyhow::ensure!(
        length <= REQUESTS_BYTES_MAX,
        "{} has more than {REQUESTS_BYTES_MAX} bytes",
        path.display()
    );
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
