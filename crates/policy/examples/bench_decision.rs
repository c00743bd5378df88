//! Measures one decision over 10 policies of 5 statements: `cargo run --release -p palisade-policy --example bench_decision`.
//!
//! Prints the median of many samples, in nanoseconds a decision, for requests that an early, a late and no statement
//! allows, over statements of many services and over statements of one.

use palisade_policy::*;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const SAMPLES: usize = 301;
const PER_SAMPLE: u32 = 2_000;
const SERVICES: [&str; 10] = [
    "ec2",
    "sqs",
    "sns",
    "dynamodb",
    "lambda",
    "kms",
    "logs",
    "cloudwatch",
    "elasticloadbalancing",
    "s3",
];

fn policies(service_of: impl Fn(usize) -> &'static str) -> Vec<Arc<CompiledPolicy>> {
    (0..10)
        .map(|p| {
            let service = service_of(p);
            let statements: Vec<String> = (0..5)
                .map(|s| {
                    let effect = if s == 4 { "Deny" } else { "Allow" };
                    format!(
                        r#"{{"Sid":"S{s}","Effect":"{effect}","Action":["{service}:Get{p}{s}*","{service}:List{s}*","{service}:PutItem{s}"],
                        "Resource":["arn:aws:{service}:*:111122223333:thing{p}/*","arn:aws:{service}:*:111122223333:home/${{aws:username}}/*"],
                        "Condition":{{"StringEquals":{{"aws:PrincipalAccount":"111122223333"}},"IpAddress":{{"aws:SourceIp":"203.0.113.0/24"}}}}}}"#
                    )
                })
                .collect();
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
            Arc::new(CompiledPolicy::new(format!("policy-{p}"), Policy::parse(&text).expect("the benchmark's policies parse")))
        })
        .collect()
}

fn median_nanos(mut decide: impl FnMut()) -> f64 {
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..PER_SAMPLE).for_each(|_| decide());
            start.elapsed().as_nanos() as f64 / f64::from(PER_SAMPLE)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

fn main() {
    let ann = Principal::user("arn:aws:iam::111122223333:user/ann")
        .expect("a user's ARN")
        .with_user_id("AIDAEXAMPLE");
    let context = Context::from_iter([
        ("aws:SourceIp", "203.0.113.7"),
        ("aws:UserAgent", "aws-cli/2.31.0"),
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "us-east-1"),
    ]);
    let mixed = policies(|p| SERVICES[p]);
    let same = policies(|_| "s3");
    let cases = [
        (
            "many services, allowed by the last policy",
            &mixed,
            "s3:Get93Object",
            "arn:aws:s3:us-east-1:111122223333:home/ann/x",
        ),
        (
            "many services, nothing matches",
            &mixed,
            "s3:DeleteObject",
            "arn:aws:s3:us-east-1:111122223333:home/ann/x",
        ),
        (
            "one service, allowed by the first policy",
            &same,
            "s3:Get03Object",
            "arn:aws:s3:us-east-1:111122223333:thing0/x",
        ),
        (
            "one service, allowed by the last policy",
            &same,
            "s3:Get93Object",
            "arn:aws:s3:us-east-1:111122223333:home/ann/x",
        ),
        (
            "one service, every policy's deny is looked at",
            &same,
            "s3:PutItem4",
            "arn:aws:s3:us-east-1:111122223333:other/x",
        ),
    ];
    println!(
        "10 policies of 5 statements (3 actions, 2 resources, 2 conditions each); median of {SAMPLES} samples"
    );
    for (title, identity, action, resource) in cases {
        let layers = Layers {
            identity,
            ..Layers::default()
        };
        let request = Request::new(&ann, action, resource, &context).in_account("111122223333");
        let reason = evaluate(&request, &layers).reason;
        let nanos = median_nanos(|| {
            black_box(evaluate(black_box(&request), black_box(&layers)));
        });
        println!("{nanos:7.0} ns  {title}: {reason}");
    }
}
