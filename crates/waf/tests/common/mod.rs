//! ACLs and requests for the tests.
#![allow(dead_code)]

use std::net::IpAddr;

use base64::Engine as _;
use palisade_waf::detect::Environment;
use palisade_waf::model::ResourceType;
use palisade_waf::{
    Acl, BodyInspection, Bump, Decision, Document, Error, Explanation, Moment, Request, TokenState,
};
use serde_json::{Value, json};

pub fn b64(text: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

pub fn visibility() -> Value {
    json!({"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "m"})
}

/// A rule that blocks.
pub fn rule(name: &str, priority: u32, statement: Value) -> Value {
    json!({"Name": name, "Priority": priority, "Action": {"Block": {}}, "VisibilityConfig": visibility(), "Statement": statement})
}

/// An ACL that allows, with these rules.
pub fn acl(rules: Vec<Value>) -> Value {
    json!({"Name": "test", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility(), "Rules": rules,
        "ARN": "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/test/a"})
}

pub fn compile(bundle: &Value) -> Result<Acl, Error> {
    compile_in(bundle, &Environment::default())
}

pub fn compile_in(bundle: &Value, environment: &Environment) -> Result<Acl, Error> {
    let document = Document::parse(bundle.to_string().as_bytes())?;
    Acl::compile(
        &document,
        environment,
        BodyInspection::Aws(ResourceType::ApplicationLoadBalancer),
    )
}

/// A statement on a field, with no transformations.
pub fn on(field: Value, name: &str, more: Value) -> Value {
    transformed(field, &["NONE"], name, more)
}

pub fn transformed(field: Value, chain: &[&str], name: &str, mut more: Value) -> Value {
    let chain: Vec<Value> = chain
        .iter()
        .enumerate()
        .map(|(priority, kind)| json!({"Priority": priority, "Type": kind}))
        .collect();
    more["FieldToMatch"] = field;
    more["TextTransformations"] = chain.into();
    json!({ name: more })
}

pub fn contains(field: Value, text: impl AsRef<[u8]>) -> Value {
    on(
        field,
        "ByteMatchStatement",
        json!({"SearchString": b64(text), "PositionalConstraint": "CONTAINS"}),
    )
}

/// A request with everything its own.
#[derive(Clone, Debug)]
pub struct Sample {
    pub method: String,
    pub uri: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub client: IpAddr,
    pub ja3: Option<String>,
}

impl Sample {
    pub fn get(uri: &str) -> Sample {
        Sample {
            method: "GET".into(),
            uri: uri.into(),
            headers: vec![],
            body: vec![],
            client: [192, 0, 2, 1].into(),
            ja3: None,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Sample {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Sample {
        self.method = "POST".into();
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn from(mut self, client: &str) -> Sample {
        self.client = client.parse().unwrap();
        self
    }

    pub fn ask<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        ask(&Request {
            headers: &headers,
            body: &self.body,
            client: self.client,
            ja3: self.ja3.as_deref(),
            ..Request::new(&self.method, &self.uri)
        })
    }

    pub fn explain(&self, acl: &Acl) -> (Decision, Explanation) {
        self.ask(|request| acl.explain(request, &Moment::default(), &acl.counters(), &Bump::new()))
    }

    pub fn decide(&self, acl: &Acl) -> Decision {
        self.decide_with(acl, TokenState::Missing)
    }

    pub fn decide_with(&self, acl: &Acl, token: TokenState) -> Decision {
        let moment = Moment {
            now_ms: 1_000_000_000,
            token,
        };
        self.ask(|request| acl.inspect(request, &moment, &acl.counters(), &Bump::new()))
    }

    pub fn blocked(&self, acl: &Acl) -> bool {
        !self.decide(acl).verdict.passes()
    }
}

/// Whether an ACL with one rule of this statement blocks the request.
pub fn matches(statement: Value, sample: &Sample) -> bool {
    let acl = compile(&acl(vec![rule("r", 0, statement)])).unwrap();
    sample.blocked(&acl)
}
