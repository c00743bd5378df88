//! Requests of arbitrary bytes: never a panic, never verified unless signed, always verified if
//! our signer signed them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_sigv4::sign::{SignOptions, Signer};
use palisade_sigv4::wire::ErrorFamily;
use palisade_sigv4::{
    AuthError, Body, Header, KeyCache, RequestHead, Rules, SigningKey, Timestamp, parse, verify,
};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = text(lines.next());
    let method = text(lines.next());
    let headers: Vec<Header<'_>> = lines
        .map(|line| {
            let at = line
                .iter()
                .position(|byte| *byte == b':')
                .unwrap_or(line.len());
            let name = std::str::from_utf8(&line[..at]).unwrap_or("x");
            Header {
                name,
                value: line.get(at + 1..).unwrap_or_default(),
            }
        })
        .collect();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let head = RequestHead {
        method,
        path,
        query,
        authority: None,
        headers: &headers,
    };
    for service in ["s3", "iam"] {
        stranger(&head, &Rules::for_service(service));
        owner(&head, service);
    }
});

fn text(line: Option<&[u8]>) -> &str {
    line.and_then(|line| std::str::from_utf8(line).ok())
        .unwrap_or_default()
}

/// What came from outside cannot have been signed with this key.
fn stranger(head: &RequestHead<'_>, rules: &Rules<'_>) {
    let outcome = parse(head).and_then(|claim| {
        let claim = claim.ok_or(AuthError::MissingAuthentication)?;
        let now = claim.timestamp().unix_seconds();
        let any = Rules {
            service: None,
            ..*rules
        };
        KeyCache::new(8)
            .verify(
                &claim,
                head,
                0,
                || Ok("unguessable"),
                Body::Whole(b""),
                now,
                &any,
            )
            .map(|_| ())
    });
    let error = outcome.expect_err("a forged request was accepted");
    for family in [
        ErrorFamily::Query,
        ErrorFamily::Ec2,
        ErrorFamily::Json,
        ErrorFamily::RestJson,
        ErrorFamily::S3,
    ] {
        assert!(error.answer(family).status >= 400);
    }
}

/// Whatever the path and query, our own signature of them matches.
fn owner(head: &RequestHead<'_>, service: &str) {
    let host = [Header {
        name: "host",
        value: b"h",
    }];
    let head = RequestHead {
        headers: &host,
        ..*head
    };
    let signer = Signer {
        access_key_id: "AKID",
        secret: "s",
        security_token: None,
        region: "r",
        service,
    };
    let now = Timestamp::from_unix_seconds(1_440_938_160).expect("a date");
    let signed = signer.sign(&head, b"", now, &SignOptions::default());
    let mut headers = host.to_vec();
    headers.extend(signed.headers.iter().map(|(name, value)| Header {
        name,
        value: value.as_bytes(),
    }));
    let head = RequestHead {
        headers: &headers,
        ..head
    };
    let Ok(Some(claim)) = parse(&head) else {
        return;
    };
    let key = SigningKey::derive("s", now.date(), "r", service);
    let _verified = verify(
        &claim,
        &head,
        &key,
        Body::Whole(b""),
        now.unix_seconds(),
        &Rules::for_service(service),
    )
    .expect("our own signature does not match");
}
