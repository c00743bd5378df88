//! How long a call spends in its protocol: `cargo bench -p palisade-wire`.
//!
//! Prints nanoseconds of the fastest of many rounds: what the code takes when nothing disturbs it.

use std::hint::black_box;
use std::time::Instant;

use http::{HeaderMap, HeaderValue};
use palisade_model::{Structure, load_static};
use palisade_wire::{Body, Codec, Request};

const ROUNDS: u32 = 200;
const CALLS: u32 = 2_000;
const REQUEST_ID: &str = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";

fn main() {
    get_caller_identity();
    routes_of_s3();
    lookup_events();
}

fn codec(service: &str) -> Codec {
    let path = format!("{}/../../models/{service}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a model");
    Codec::new(load_static(&text).expect("a model"))
}

fn get_caller_identity() {
    let codec = codec("sts");
    let headers = header(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    let request = Request {
        method: "POST",
        path: "/",
        query: None,
        headers: &headers,
        body: Body::Bytes("Action=GetCallerIdentity&Version=2011-06-15".into()),
    };
    let protocol = codec.protocol(&request);
    let operation = codec.route(protocol, &request).expect("an operation");
    measure("GetCallerIdentity: route", || {
        codec.route(protocol, &request)
    });
    measure("GetCallerIdentity: decode", || {
        codec.decode(protocol, operation, &request, 1 << 20)
    });
    let output = Structure::new()
        .with("UserId", "AIDACKCEVSQ6C2EXAMPLE")
        .with("Account", "123456789012")
        .with("Arn", "arn:aws:iam::123456789012:user/Alice");
    measure("GetCallerIdentity: encode", || {
        codec
            .encode(protocol, operation, &output, REQUEST_ID)
            .map(|response| response.status())
    });
}

fn routes_of_s3() {
    let codec = codec("s3");
    let headers = HeaderMap::new();
    let request = Request {
        method: "PUT",
        path: "/bucket/some/key",
        query: Some("partNumber=1&uploadId=abc"),
        headers: &headers,
        body: Body::Stream,
    };
    let protocol = codec.protocol(&request);
    measure("UploadPart: route", || codec.route(protocol, &request));
}

fn lookup_events() {
    let codec = codec("cloudtrail");
    let mut headers = header("content-type", "application/x-amz-json-1.1");
    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    headers.insert("x-amz-target", HeaderValue::from_static(target));
    let body = r#"{"LookupAttributes":[{"AttributeKey":"Username","AttributeValue":"ada"}],
                   "StartTime":1700000000.5,"MaxResults":50}"#;
    let request = Request {
        method: "POST",
        path: "/",
        query: None,
        headers: &headers,
        body: Body::Bytes(body.into()),
    };
    let protocol = codec.protocol(&request);
    let operation = codec.route(protocol, &request).expect("an operation");
    measure("LookupEvents: route", || codec.route(protocol, &request));
    measure("LookupEvents: decode", || {
        codec.decode(protocol, operation, &request, 1 << 20)
    });
}

fn header(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        name.parse().expect("a name"),
        HeaderValue::from_static(value),
    )])
}

fn measure<T>(what: &str, mut call: impl FnMut() -> T) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    println!("{what}: {best:.0} ns");
}
