//! `aws-chunked` bodies of arbitrary bytes: never a panic, the same outcome for any split, never
//! more payload than declared.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use palisade_sigv4::sign::{SignOptions, SignPayload, Signer};
use palisade_sigv4::{
    Body, BodyCheck, ChunkError, ChunkMode, ChunkedBody, Header, RequestHead, Rules, SigningKey,
    Timestamp, parse, verify,
};

const MODES: [ChunkMode; 3] = [
    ChunkMode::Signed,
    ChunkMode::SignedTrailer,
    ChunkMode::UnsignedTrailer,
];

fuzz_target!(|data: &[u8]| {
    static BODIES: OnceLock<Vec<ChunkedBody>> = OnceLock::new();
    let bodies = BODIES.get_or_init(|| MODES.into_iter().map(body).collect());
    let [mode, split, wire @ ..] = data else {
        return;
    };
    let body = &bodies[usize::from(*mode) % bodies.len()];
    let whole = decode(body, wire, wire.len());
    assert_eq!(whole, decode(body, wire, 1));
    assert_eq!(whole, decode(body, wire, usize::from(*split)));
});

type Decoded = (Vec<u8>, Vec<(String, String)>);

fn decode(body: &ChunkedBody, wire: &[u8], portions: usize) -> Result<Decoded, ChunkError> {
    let mut payload = Vec::new();
    let mut decoder = body.clone().decoder();
    for part in wire.chunks(portions.max(1)) {
        let fed = decoder.feed(part, &mut |bytes| payload.extend_from_slice(bytes));
        assert!(payload.len() as u64 <= body.decoded_length());
        fed?;
    }
    let trailer = decoder.finish()?;
    assert_eq!(payload.len() as u64, body.decoded_length());
    assert_eq!(trailer.len(), body.trailers().len());
    Ok((payload, trailer))
}

fn body(mode: ChunkMode) -> ChunkedBody {
    let mut headers = vec![
        Header {
            name: "host",
            value: b"h",
        },
        Header {
            name: "x-amz-decoded-content-length",
            value: b"5",
        },
    ];
    if mode.has_trailer() {
        headers.push(Header {
            name: "x-amz-trailer",
            value: b"x-amz-checksum-crc32",
        });
    }
    let head = RequestHead {
        method: "PUT",
        path: "/",
        query: None,
        authority: None,
        headers: &headers,
    };
    let signer = Signer {
        access_key_id: "AKID",
        secret: "s",
        security_token: None,
        region: "r",
        service: "s3",
    };
    let now = Timestamp::from_unix_seconds(1_440_938_160).expect("a date");
    let signed = signer.sign(
        &head,
        b"",
        now,
        &SignOptions {
            payload: SignPayload::Chunked(mode),
        },
    );
    let mut all = headers.clone();
    all.extend(signed.headers.iter().map(|(name, value)| Header {
        name,
        value: value.as_bytes(),
    }));
    let head = RequestHead {
        headers: &all,
        ..head
    };
    let claim = parse(&head).expect("well formed").expect("signed");
    let key = SigningKey::derive("s", now.date(), "r", "s3");
    let verified = verify(
        &claim,
        &head,
        &key,
        Body::Unread,
        now.unix_seconds(),
        &Rules::for_service("s3"),
    );
    match verified.expect("good").body {
        BodyCheck::Chunked(body) => *body,
        other => panic!("{other:?}"),
    }
}
