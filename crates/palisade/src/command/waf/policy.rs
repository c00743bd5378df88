//! A web ACL from files, as a listener has it in force and as it is kept to explain what it decided.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use palisade_edge::policy::Policy;
use palisade_waf::detect::Environment;
use palisade_waf::model::{ResourceType, WebAcl};
use palisade_waf::statement::Statement;
use palisade_waf::{Acl, BodyInspection, Document};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{default_resource, environment, read, resource};

/// How much of a body is inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyMode {
    /// As much as AWS inspects before the resource; the rest goes on unseen
    #[default]
    Aws,
    /// All of it, up to --body-hold; longer ones are answered 413
    Whole,
}

/// Which web ACL, and how it is read.
#[derive(Args, Clone, Debug)]
pub struct PolicyFiles {
    /// The web ACL, in wafv2's JSON
    #[arg(long, value_name = "FILE")]
    web_acl: PathBuf,

    /// Rule groups, IP sets and regex pattern sets that it refers to (repeatable)
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,

    /// What it protects, which decides how much of a body is inspected [default: by the ACL's ARN]
    #[arg(long, value_name = "TYPE", value_parser = resource)]
    resource: Option<ResourceType>,

    /// Countries and autonomous systems of addresses, as `waf geo build` makes them
    #[arg(long, value_name = "FILE")]
    geo: Option<PathBuf>,

    /// How much of a body is inspected
    #[arg(long, value_enum, default_value_t)]
    body: BodyMode,

    /// With --body whole, the longest body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 128 * 1024, value_parser = clap::value_parser!(u32).range(1024..=16 << 20))]
    body_hold: u32,
}

/// All that an ACL in force was made of: what is kept of a version beside the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicySource {
    /// The documents, the one with the web ACL first.
    documents: Vec<Value>,
    /// How much of a body is inspected.
    body: BodyMode,
    body_hold: u32,
    resource: Option<String>,
    /// The table of addresses, where there is one.
    geo: Option<PathBuf>,
}

impl PolicyFiles {
    /// What happens to longer bodies.
    pub fn body(&self) -> BodyMode {
        self.body
    }

    /// Reads the files.
    pub fn read(&self) -> anyhow::Result<PolicySource> {
        let documents = std::iter::once(&self.web_acl).chain(&self.with);
        let documents = documents.map(|path| {
            let parsed = serde_json::from_slice(&read(path)?);
            parsed.with_context(|| format!("{} is not JSON", path.display()))
        });
        Ok(PolicySource {
            documents: documents.collect::<anyhow::Result<_>>()?,
            body: self.body,
            body_hold: self.body_hold,
            resource: self.resource.map(|kind| kind.name().to_owned()),
            geo: self.geo.clone(),
        })
    }
}

impl PolicySource {
    /// The text that is kept, and its hash: the ACL's version.
    pub fn kept(&self) -> anyhow::Result<(String, String)> {
        let text = serde_json::to_string(self)?;
        let hash = Sha256::digest(&text);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((hex, text))
    }

    /// Compiles it; with what stands around it now.
    pub fn compile(&self) -> anyhow::Result<Policy> {
        let mut document = Document::default();
        for (number, part) in self.documents.iter().enumerate() {
            let added = document.add(&serde_json::to_vec(part)?);
            added.with_context(|| format!("file {} of the web ACL is refused", number + 1))?;
        }
        let inspection = match self.body {
            BodyMode::Whole => BodyInspection::Bytes(self.body_hold as usize),
            BodyMode::Aws => BodyInspection::Aws(match &self.resource {
                Some(name) => ResourceType::of(name).context("there is no such resource")?,
                None => default_resource(&document),
            }),
        };
        let environment: Environment = environment(self.geo.as_deref())?;
        let acl =
            Acl::compile(&document, &environment, inspection).context("the web ACL is refused")?;
        let written = document.web_acl.as_ref().context("there is no web ACL")?;
        Ok(Policy {
            counters: acl.counters(),
            acl,
            id: written.arn.clone().unwrap_or_else(|| written.name.clone()),
            version: self.kept()?.0,
            rule_types: rule_types(written),
            token_domains: written.token_domains.clone(),
        })
    }
}

/// `terminatingRuleType` of each rule.
fn rule_types(acl: &WebAcl) -> std::collections::HashMap<std::sync::Arc<str>, &'static str> {
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
