//! Fixed workloads for counting instructions: `instructions WORKLOAD ITERATIONS`. What one iteration costs is the difference
//! between two runs, so that start-up does not count. `benches/instructions` does that under callgrind.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::{HeaderMap, HeaderValue};
use palisade_benches::request::{Credentials, Operation, Request as SignedRequest};
use palisade_model::{Protocol, Structure, catalog};
use palisade_policy::{CompiledPolicy, Context, Layers, Policy, Principal, Request, evaluate};
use palisade_sigv4::{Body, Header, KeyCache, RequestHead, Rules, parse};
use palisade_wire::Codec;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 28 February 2025, one second before midnight.
const SECONDS: i64 = 1_740_787_199;
const REQUEST_ID: &str = "0198f3a2-5b7c-7d31-9c4e-2f6a8b1d3e50";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let workload = arguments.next().context("a workload")?;
    let iterations = arguments.next().context("how many iterations")?.parse()?;
    match workload.as_str() {
        "policy" => policy(iterations),
        "sigv4" => sigv4(iterations),
        "wire" => wire(iterations),
        other => bail!("there is no workload {other}"),
    }
    Ok(())
}

/// A decision over 10 policies of 5 statements each, allowed by the last.
fn policy(iterations: u64) {
    const SERVICES: [&str; 10] = [
        "ec2",
        "sqs",
        "sns",
        "dynamodb",
        "lambda",
        "kms",
        "logs",
        "cloudwatch",
        "events",
        "s3",
    ];
    let compile = |(number, service): (usize, &str)| {
        let statements: Vec<String> = (0..5)
            .map(|s| {
                let effect = if s == 4 { "Deny" } else { "Allow" };
                format!(
                    r#"{{"Sid":"S{s}","Effect":"{effect}","Action":["{service}:Get{s}*","{service}:List{s}*"],
                    "Resource":["arn:aws:{service}:*:111122223333:thing/*","arn:aws:{service}:*:111122223333:home/${{aws:username}}/*"],
                    "Condition":{{"IpAddress":{{"aws:SourceIp":"203.0.113.0/24"}}}}}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
            statements.join(",")
        );
        Arc::new(CompiledPolicy::new(
            format!("policy-{number}"),
            Policy::parse(&text).expect("a policy"),
        ))
    };
    let identity: Vec<_> = SERVICES.into_iter().enumerate().map(compile).collect();
    let ann = Principal::user("arn:aws:iam::111122223333:user/ann").expect("an ARN");
    let context = Context::from_iter([
        ("aws:SourceIp", "203.0.113.7"),
        ("aws:SecureTransport", "true"),
    ]);
    let request = Request::new(
        &ann,
        "s3:Get3Object",
        "arn:aws:s3:us-east-1:111122223333:home/ann/x",
        &context,
    )
    .in_account("111122223333");
    let layers = Layers {
        identity: &identity,
        ..Layers::default()
    };
    assert!(evaluate(&request, &layers).is_allowed());
    for _ in 0..iterations {
        black_box(evaluate(black_box(&request), black_box(&layers)));
    }
}

/// The signature of a GetCallerIdentity: parsed and verified, its signing key known.
fn sigv4(iterations: u64) {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: SECRET.into(),
    };
    let request = SignedRequest::new("127.0.0.1:4566", &credentials);
    let bytes = request.sign_at(&Operation::GetCallerIdentity, SECONDS);
    let text = String::from_utf8(bytes).expect("a request of text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let headers: Vec<Header<'_>> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        })
        .collect();
    let head = RequestHead {
        method: "POST",
        path: "/",
        query: None,
        authority: None,
        headers: &headers,
    };
    let (keys, rules) = (KeyCache::new(16), Rules::for_service("sts"));
    let verify = || {
        let claim = parse(black_box(&head))
            .expect("well formed")
            .expect("signed");
        let secret = || Ok::<_, palisade_sigv4::AuthError>(SECRET);
        let verified = keys.verify(
            &claim,
            &head,
            1,
            secret,
            Body::Whole(body.as_bytes()),
            SECONDS,
            &rules,
        );
        let _ = black_box(verified.expect("a good signature"));
    };
    verify();
    (0..iterations).for_each(|_| verify());
}

/// GetCallerIdentity in the query protocol: routed, decoded, and its answer encoded.
fn wire(iterations: u64) {
    let codec = Codec::new(catalog::model("sts").expect("a model"));
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert(http::header::CONTENT_TYPE, form);
    let answer = Structure::new()
        .with("UserId", "AIDAEXAMPLE")
        .with("Account", "111122223333")
        .with("Arn", "arn:aws:iam::111122223333:user/ann");
    for _ in 0..iterations {
        let request = palisade_wire::Request {
            method: "POST",
            path: "/",
            query: None,
            headers: black_box(&headers),
            body: palisade_wire::Body::Bytes("Action=GetCallerIdentity&Version=2011-06-15".into()),
        };
        let protocol = codec.protocol(&request);
        assert_eq!(protocol, Protocol::Query);
        let operation = codec.route(protocol, &request).expect("an operation");
        black_box(
            codec
                .decode(protocol, operation, &request, 1 << 20)
                .expect("an input"),
        );
        black_box(
            codec
                .encode(protocol, operation, &answer, REQUEST_ID)
                .expect("an answer"),
        );
    }
}
