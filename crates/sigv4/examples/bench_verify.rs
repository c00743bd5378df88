//! Times verification: `cargo run --release -p palisade-sigv4 --example bench_verify`.
//!
//! Medians of 31 rounds; a request as botocore sends it to IAM, about 600 bytes.

use std::hint::black_box;
use std::time::Instant;

use palisade_sigv4::sign::{SignOptions, SignPayload, Signer};
use palisade_sigv4::{
    Body, BodyCheck, ChunkMode, Header, KeyCache, RequestHead, Rules, SigningKey, Timestamp, parse,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn main() {
    let now = Timestamp::parse("20250228T235958Z").expect("a date");
    let body = b"Action=GetCallerIdentity&Version=2011-06-15";
    let signer = Signer {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret: SECRET,
        security_token: None,
        region: "us-east-1",
        service: "sts",
    };
    let plain: [(&str, &str); 7] = [
        ("host", "127.0.0.1:4566"),
        ("accept-encoding", "identity"),
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        (
            "user-agent",
            "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13 cfg/retry-mode#standard",
        ),
        (
            "amz-sdk-invocation-id",
            "ecf1ad48-9ef1-4bf4-a1f0-4a8e0d6f8b8a",
        ),
        ("amz-sdk-request", "attempt=1; max=3"),
        ("content-length", "43"),
    ];
    let headers: Vec<Header<'_>> = plain
        .iter()
        .map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        })
        .collect();
    let base = RequestHead {
        method: "POST",
        path: "/",
        query: None,
        authority: None,
        headers: &headers,
    };
    let signed = signer.sign(&base, body, now, &SignOptions::default());
    let mut all = headers.clone();
    all.extend(signed.headers.iter().map(|(name, value)| Header {
        name,
        value: value.as_bytes(),
    }));
    let head = RequestHead {
        headers: &all,
        ..base
    };
    let size: usize = all
        .iter()
        .map(|header| header.name.len() + header.value.len() + 4)
        .sum();
    println!("request: {} bytes of headers, {} of body", size, body.len());

    let rules = Rules::for_service("sts");
    let keys = KeyCache::new(1024);
    let verify = || {
        let claim = parse(black_box(&head))
            .expect("well formed")
            .expect("signed");
        let secret = || Ok(SECRET);
        keys.verify(
            &claim,
            &head,
            1,
            secret,
            Body::Whole(body),
            now.unix_seconds(),
            &rules,
        )
        .expect("good")
    };
    time("parse", 1, || parse(black_box(&head)).expect("well formed"));
    time("parse and verify, key cached", 1, verify);
    time("derive a signing key", 1, || {
        SigningKey::derive(black_box(SECRET), "20250228", "us-east-1", "sts")
    });
    time("sign", 1, || {
        signer.sign(black_box(&head), body, now, &SignOptions::default())
    });
    chunked(now);
}

fn chunked(now: Timestamp) {
    let signer = Signer {
        access_key_id: "AKID",
        secret: SECRET,
        security_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let mut headers = vec![
        Header {
            name: "host",
            value: b"s3",
        },
        Header {
            name: "x-amz-decoded-content-length",
            value: b"1048576",
        },
    ];
    let options = SignOptions {
        payload: SignPayload::Chunked(ChunkMode::Signed),
    };
    let head = RequestHead {
        method: "PUT",
        path: "/b/k",
        query: None,
        authority: None,
        headers: &headers,
    };
    let signed = signer.sign(&head, b"", now, &options);
    let added = signed.headers.clone();
    headers.extend(added.iter().map(|(name, value)| Header {
        name,
        value: value.as_bytes(),
    }));
    let head = RequestHead {
        method: "PUT",
        path: "/b/k",
        query: None,
        authority: None,
        headers: &headers,
    };
    let mut chunks = signed.chunks(ChunkMode::Signed);
    let mut wire = Vec::new();
    for chunk in vec![7; 1 << 20].chunks(1 << 16) {
        chunks.chunk(chunk, &mut wire);
    }
    chunks.finish(&[], &mut wire);
    let claim = parse(&head).expect("well formed").expect("signed");
    let keys = KeyCache::new(8);
    let verified = keys
        .verify(
            &claim,
            &head,
            1,
            || Ok(SECRET),
            Body::Unread,
            now.unix_seconds(),
            &Rules::for_service("s3"),
        )
        .expect("good");
    let BodyCheck::Chunked(body) = verified.body else {
        return;
    };
    time("decode 1 MiB in signed chunks of 64 KiB", 1 << 20, || {
        let mut decoder = (*body).clone().decoder();
        for part in wire.chunks(16 * 1024) {
            decoder
                .feed(part, &mut |bytes| {
                    black_box(bytes);
                })
                .expect("good");
        }
        decoder.finish().expect("whole")
    });
}

/// Prints the median time of one call, and bytes per second where `bytes` is above one.
fn time<T>(what: &str, bytes: u64, mut run: impl FnMut() -> T) {
    let calls = if bytes > 1 { 20 } else { 20_000 };
    let mut rounds: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(run());
            }
            start.elapsed().as_secs_f64() / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let median = rounds[rounds.len() / 2];
    if bytes > 1 {
        println!("{what}: {:.0} MB/s", bytes as f64 / median / 1e6);
    } else {
        println!("{what}: {:.2} µs", median * 1e6);
    }
}
