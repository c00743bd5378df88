//! Measures one inspection: `cargo run --release -p palisade-waf --example bench_inspect`.
//!
//! A browser's GET and a JSON post of 8 KB through an ACL of typical rules, on one thread, with the arena reset between requests as a
//! proxy would. Medians of 301 rounds.

use std::time::Instant;

use base64::Engine as _;
use palisade_waf::detect::Environment;
use palisade_waf::model::ResourceType;
use palisade_waf::transform::Transformation;
use palisade_waf::{Acl, BodyInspection, Bump, Document, Moment, Request};
use serde_json::{Value, json};

const ROUNDS: usize = 301;

/// What attacks hold, as literals and expressions of a typical rule set.
const LITERALS: [&str; 12] = [
    "../",
    "/etc/passwd",
    "<script",
    "javascript:",
    "union select",
    "cmd.exe",
    "${jndi:",
    "169.254.169.254",
    "wp-config",
    ".git/",
    "php://",
    "; cat ",
];
const REGEXES: [&str; 10] = [
    r"(?i)\bunion\b.{1,40}\bselect\b",
    r"(?i)<(?:script|iframe|object|embed)\b",
    r"(?i)\bon(?:error|load|click)\s*=",
    r"(?i)\b(?:and|or)\b\s+\d+\s*=\s*\d+",
    r"(?i)(?:/|\\)(?:etc|proc|windows)(?:/|\\)",
    r"(?i)\$\{.{0,20}(?:jndi|env):",
    r"(?i)\b(?:sleep|benchmark|waitfor)\s*\(",
    r"(?i)<\?php\b",
    r"(?i)\b(?:exec|system|passthru)\s*\(",
    r"\.\.[/\\]",
];

fn main() {
    let acl = Acl::compile(
        &document(),
        &Environment::default(),
        BodyInspection::Aws(ResourceType::CloudFront),
    )
    .expect("the ACL is valid");
    let (fields, lanes) = acl.shared_work();
    println!(
        "{acl:?}, {} capacity units, {fields} fields, {lanes} lanes",
        acl.capacity()
    );
    let headers = browser();
    let get = Request {
        headers: &headers,
        ..Request::new(
            "GET",
            "/products/list?category=books&page=2&sort=price&q=the+old+man+and+the+sea",
        )
    };
    let body = json_body();
    let post = Request {
        headers: &headers,
        body: &body,
        ..Request::new("POST", "/api/orders")
    };
    measure("browser GET", &acl, &get);
    measure("JSON 8 KB", &acl, &post);
    let text = b"The quick brown fox, 12 o'clock & more: a value as people write them.".as_slice();
    for kind in Transformation::ALL {
        println!(
            "{:7.0} ns  {}",
            median(|arena| kind.apply(text, arena).len()),
            kind.name()
        );
    }
}

fn measure(name: &str, acl: &Acl, request: &Request<'_>) {
    let counters = acl.counters();
    let moment = Moment::default();
    let mut arena = Bump::with_capacity(64 * 1024);
    let mut times: Vec<f64> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        // Short, so that most rounds are not interrupted by other work.
        const BATCH: u32 = 4;
        let start = Instant::now();
        for _ in 0..BATCH {
            assert!(
                acl.inspect(request, &moment, &counters, &arena)
                    .verdict
                    .passes(),
                "the request is benign"
            );
            arena.reset();
        }
        times.push(start.elapsed().as_secs_f64() / f64::from(BATCH));
    }
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    println!(
        "{name}: {:.1} us, {:.0} a second",
        median * 1e6,
        1.0 / median
    );
}

/// Nanoseconds of one call.
fn median(work: impl Fn(&Bump) -> usize) -> f64 {
    let mut arena = Bump::with_capacity(64 * 1024);
    let mut times: Vec<f64> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..100 {
            std::hint::black_box(work(&arena));
        }
        times.push(start.elapsed().as_secs_f64() * 1e9 / 100.0);
        arena.reset();
    }
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn browser() -> [(&'static [u8], &'static [u8]); 9] {
    [
        (b"host", b"shop.example.com"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"),
        (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        (b"accept-language", b"en-GB,en;q=0.9,no;q=0.8"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"referer", b"https://shop.example.com/products"),
        (b"cookie", b"session=6f1c2a9be0d94c6e8b1f; theme=dark; consent=yes; _ga=GA1.2.1234567890.1700000000"),
        (b"sec-fetch-mode", b"navigate"),
        (b"upgrade-insecure-requests", b"1"),
    ]
}

fn json_body() -> Vec<u8> {
    let item = |number: usize| json!({"sku": format!("B-{number:05}"), "title": "A book with a fairly ordinary title", "quantity": number % 7, "note": "gift-wrap, please: it's for Ann & Bob"});
    let items: Vec<Value> = (0..62).map(item).collect();
    json!({"customer": {"name": "O'Neill, Ann", "email": "ann@example.com"}, "items": items})
        .to_string()
        .into_bytes()
}

/// Every literal and expression on arguments, body, JSON body, path, headers and cookies, after typical transformations.
fn document() -> Document {
    let visibility = json!({"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "m"});
    let fields = [
        json!({"AllQueryArguments": {}}),
        json!({"UriPath": {}}),
        json!({"Body": {"OversizeHandling": "CONTINUE"}}),
        json!({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL"}}),
        json!({"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"}}),
        json!({"SingleHeader": {"Name": "user-agent"}}),
    ];
    let chain = json!([{"Priority": 0, "Type": "URL_DECODE_UNI"}, {"Priority": 1, "Type": "HTML_ENTITY_DECODE"}, {"Priority": 2, "Type": "LOWERCASE"}]);
    let mut statements = Vec::new();
    for field in &fields {
        for literal in LITERALS {
            let search = base64::engine::general_purpose::STANDARD.encode(literal);
            statements.push(json!({"ByteMatchStatement": {"FieldToMatch": field, "TextTransformations": chain, "SearchString": search, "PositionalConstraint": "CONTAINS"}}));
        }
        for regex in REGEXES {
            statements.push(json!({"RegexMatchStatement": {"FieldToMatch": field, "TextTransformations": chain, "RegexString": regex}}));
        }
    }
    let rule = |(index, statement): (usize, Value)| json!({"Name": format!("r{index}"), "Priority": index, "Statement": statement, "Action": {"Block": {}}, "VisibilityConfig": visibility});
    let rules: Vec<Value> = statements.into_iter().enumerate().map(rule).collect();
    let acl = json!({"Name": "bench", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility, "Rules": rules});
    Document::parse(acl.to_string().as_bytes()).expect("the ACL is valid")
}
