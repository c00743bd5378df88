//! A web ACL as a listener has it in force, and as it is kept to explain later what it decided.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use palisade_edge::policy::Policy;
use palisade_managed::Listener;
use palisade_waf::model::{ResourceType, WebAcl};
use palisade_waf::statement::Statement;
use palisade_waf::{Acl, BodyInspection, Document};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{default_resource, environment, read, resource};

/// The managed groups that are asked where nothing is said.
const MANAGED_BY_DEFAULT: [&str; 3] = ["common", "sqli", "knownbadinputs"];

/// How much of a body is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyMode {
    /// As much as AWS inspects before the resource; the rest goes on unseen
    Aws,
    /// All of it, up to --body-hold; longer ones are answered 413
    Whole,
}

/// Which web ACL, and how it is read.
#[derive(Args, Clone, Debug)]
pub struct PolicyFiles {
    /// The web ACL, in wafv2's JSON
    #[arg(long, value_name = "FILE", conflicts_with = "managed")]
    web_acl: Option<PathBuf>,

    /// Managed rule groups by their short names, with commas between; `common` brings Palisade's own [default, without a web ACL:
    /// common,sqli,knownbadinputs]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    managed: Vec<String>,

    /// Rule groups, IP sets and regex pattern sets that the web ACL refers to (repeatable)
    #[arg(long, value_name = "FILE", requires = "web_acl")]
    with: Vec<PathBuf>,

    /// What it protects, which decides how much of a body is inspected [default: by the ACL's ARN]
    #[arg(long, value_name = "TYPE", value_parser = resource)]
    resource: Option<ResourceType>,

    /// Countries and autonomous systems of addresses, as `waf geo build` makes them
    #[arg(long, value_name = "FILE")]
    geo: Option<PathBuf>,

    /// How much of a body is inspected [default: aws with --web-acl, else whole]
    #[arg(long, value_enum, value_name = "HOW")]
    body: Option<BodyMode>,

    /// With --body whole, the longest body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 128 * 1024, value_parser = clap::value_parser!(u32).range(1024..=16 << 20))]
    body_hold: u32,
}

/// All that an ACL in force was made of: what is kept of a version beside the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicySource {
    /// The documents, the one with the web ACL first; none where managed groups alone are asked.
    documents: Vec<Value>,
    /// The short names of managed groups that are asked without a document.
    managed: Vec<String>,
    /// Whether the listener is on a loopback address.
    loopback: bool,
    body: BodyMode,
    body_hold: u32,
    resource: Option<String>,
    /// The table of addresses, where there is one.
    geo: Option<PathBuf>,
}

impl PolicyFiles {
    /// What happens to bodies.
    pub fn body(&self) -> BodyMode {
        self.body.unwrap_or(match self.web_acl {
            Some(_) => BodyMode::Aws,
            None => BodyMode::Whole,
        })
    }

    /// The files whose change is a change of the ACL.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.web_acl.iter().chain(&self.with).chain(&self.geo)
    }

    /// The same with another web ACL.
    pub fn with_web_acl(&self, path: PathBuf) -> PolicyFiles {
        PolicyFiles {
            web_acl: Some(path),
            managed: Vec::new(),
            body: Some(self.body()),
            ..self.clone()
        }
    }

    /// Reads the files, for a listener that is or is not on a loopback address.
    pub fn read(&self, loopback: bool) -> anyhow::Result<PolicySource> {
        let documents = self.web_acl.iter().chain(&self.with).map(|path| {
            let parsed = serde_json::from_slice(&read(path)?);
            parsed.with_context(|| format!("{} is not JSON", path.display()))
        });
        let managed = match (&self.web_acl, &self.managed[..]) {
            (None, []) => MANAGED_BY_DEFAULT.map(str::to_owned).to_vec(),
            (_, named) => named.to_vec(),
        };
        Ok(PolicySource {
            documents: documents.collect::<anyhow::Result<_>>()?,
            managed,
            loopback,
            body: self.body(),
            body_hold: self.body_hold,
            resource: self.resource.map(|kind| kind.name().to_owned()),
            geo: self.geo.clone(),
        })
    }
}

/// An ACL that was compiled, with what is to be said of it.
#[derive(Debug)]
pub struct Compiled {
    /// The ACL.
    pub policy: Policy,
    /// What does not mean what it says.
    pub warnings: Vec<String>,
}

impl PolicySource {
    /// The text that is kept, and its hash: the ACL's version.
    pub fn kept(&self) -> anyhow::Result<(String, String)> {
        let text = serde_json::to_string(self)?;
        let hash = Sha256::digest(&text);
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((hex, text))
    }

    /// The source of a kept text.
    pub fn of_kept(text: &[u8]) -> anyhow::Result<PolicySource> {
        Ok(serde_json::from_slice(text)?)
    }

    /// Compiles it, with the detectors and managed groups of this binary.
    pub fn compile(&self) -> anyhow::Result<Compiled> {
        let (document, mut warnings) = self.document()?;
        let inspection = match self.body {
            BodyMode::Whole => BodyInspection::Bytes(self.body_hold as usize),
            BodyMode::Aws => BodyInspection::Aws(match &self.resource {
                Some(name) => ResourceType::of(name).context("there is no such resource")?,
                None => default_resource(&document),
            }),
        };
        let acl = Acl::compile(&document, &environment(self.geo.as_deref())?, inspection);
        let acl = acl.context("the web ACL is refused")?;
        warnings.extend(acl.warnings().iter().cloned());
        let written = document.web_acl.as_ref();
        let written = written.context("there is no web ACL")?;
        let policy = Policy {
            counters: acl.counters(),
            acl,
            id: written
                .arn
                .as_ref()
                .unwrap_or(&written.name)
                .as_str()
                .into(),
            version: self.kept()?.0,
            rule_types: rule_types(written),
            token_domains: written.token_domains.clone(),
        };
        Ok(Compiled { policy, warnings })
    }

    fn document(&self) -> anyhow::Result<(Document, Vec<String>)> {
        if !self.managed.is_empty() {
            let names: Vec<&str> = self.managed.iter().map(String::as_str).collect();
            let listener = Listener {
                loopback: self.loopback,
                whole_body: self.body == BodyMode::Whole,
            };
            let managed = palisade_managed::web_acl(&names, listener)?;
            return Ok((managed.document, managed.notices));
        }
        let mut document = Document::default();
        for (number, part) in self.documents.iter().enumerate() {
            let added = document.add(&serde_json::to_vec(part)?);
            added.with_context(|| format!("file {} of the web ACL is refused", number + 1))?;
        }
        Ok((document, Vec::new()))
    }
}

/// `terminatingRuleType` of each rule.
fn rule_types(acl: &WebAcl) -> HashMap<Arc<str>, &'static str> {
    let kind = |statement: &Statement| match statement {
        Statement::RateBased(_) => "RATE_BASED",
        Statement::RuleGroup(_) => "GROUP",
        Statement::ManagedRuleGroup(_) => "MANAGED_RULE_GROUP",
        _ => "REGULAR",
    };
    let rules = acl.rules.iter();
    rules
        .map(|rule| (rule.name.as_str().into(), kind(&rule.statement)))
        .collect()
}
