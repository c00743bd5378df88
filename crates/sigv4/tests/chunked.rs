//! `aws-chunked` bodies: the examples of the S3 API Reference, any split, every kind of damage.

mod common;

use common::{Request, SIGNED_AT, cases};
use palisade_sigv4::sign::{SignOptions, SignPayload, Signed, Signer};
use palisade_sigv4::{
    AuthError, Body, BodyCheck, ChunkError, ChunkMode, ChunkedBody, Rules, SigningKey, Timestamp,
    parse, verify,
};
use proptest::prelude::*;

const EXAMPLE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EXAMPLE_TIME: &str = "20130524T000000Z";

/// Payload and trailer.
type Decoded = (Vec<u8>, Vec<(String, String)>);
/// Headers, the mode they do not fit, and the error.
type Misfit = (
    &'static [(&'static str, &'static str)],
    ChunkMode,
    AuthError,
);

fn example(headers: &[(&str, &str)], signature: &str) -> Request {
    let mut request = Request::new("PUT", "/examplebucket/chunkObject.txt", headers, b"");
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    request.add(
        "Authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={}, Signature={signature}",
            names.join(";")
        ),
    );
    request
}

fn chunked(request: &Request) -> Result<ChunkedBody, AuthError> {
    request.with_head(|head| {
        let claim = parse(head)?.expect("signed");
        let key = SigningKey::derive(
            EXAMPLE_SECRET,
            claim.scope_date(),
            claim.region(),
            claim.service(),
        );
        let now = Timestamp::parse(EXAMPLE_TIME).unwrap().unix_seconds();
        let verified = verify(
            &claim,
            head,
            &key,
            Body::Unread,
            now,
            &Rules::for_service("s3"),
        )?;
        match verified.body {
            BodyCheck::Chunked(body) => Ok(*body),
            other => panic!("{other:?}"),
        }
    })
}

fn decode(body: ChunkedBody, wire: &[u8], portions: usize) -> Result<Decoded, ChunkError> {
    let mut payload = Vec::new();
    let mut decoder = body.decoder();
    for part in wire.chunks(portions.max(1)) {
        decoder.feed(part, &mut |bytes| payload.extend_from_slice(bytes))?;
    }
    Ok((payload, decoder.finish()?))
}

#[test]
fn the_example_of_signed_chunks() {
    let request = example(
        &[
            ("content-encoding", "aws-chunked"),
            ("content-length", "66824"),
            ("host", "s3.amazonaws.com"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("x-amz-date", EXAMPLE_TIME),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let mut wire = b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n".to_vec();
    wire.extend_from_slice(&[b'a'; 65_536]);
    wire.extend_from_slice(b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
    wire.extend_from_slice(&[b'a'; 1024]);
    wire.extend_from_slice(b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
    assert_eq!(wire.len(), 66_824);
    let (payload, trailer) = decode(chunked(&request).unwrap(), &wire, 1000).unwrap();
    assert_eq!(payload, vec![b'a'; 66_560]);
    assert!(trailer.is_empty());
}

#[test]
fn the_example_of_a_signed_trailer() {
    let request = example(
        &[
            ("content-encoding", "aws-chunked"),
            ("host", "s3.amazonaws.com"),
            (
                "x-amz-content-sha256",
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            ),
            ("x-amz-date", EXAMPLE_TIME),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-trailer", "x-amz-checksum-crc32c"),
        ],
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let mut wire = b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n".to_vec();
    wire.extend_from_slice(&[b'a'; 65_536]);
    wire.extend_from_slice(b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n");
    wire.extend_from_slice(&[b'a'; 1024]);
    wire.extend_from_slice(b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n");
    // The trailer as the example has it, then as clients write it.
    for trailer in [
        "x-amz-checksum-crc32c:sOO8/Q==\n\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\n",
    ] {
        let mut wire = wire.clone();
        wire.extend_from_slice(trailer.as_bytes());
        wire.extend_from_slice(b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
        let (payload, found) = decode(chunked(&request).unwrap(), &wire, 777).unwrap();
        assert_eq!(payload.len(), 66_560);
        assert_eq!(
            found,
            [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]
        );
    }
}

/// A request and its body as our own signer writes them.
fn made(mode: ChunkMode, chunks: &[&[u8]]) -> (ChunkedBody, Vec<u8>) {
    let length: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let mut request = Request::new(
        "PUT",
        "/k",
        &[
            ("host", "s3.amazonaws.com"),
            ("x-amz-decoded-content-length", &length.to_string()),
        ],
        b"",
    );
    if mode.has_trailer() {
        request.add("x-amz-trailer", "x-amz-checksum-crc32c, X-Amz-Meta-A");
    }
    let signed = sign(&request, mode);
    for (name, value) in &signed.headers {
        request.add(name, value);
    }
    let mut signer = signed.chunks(mode);
    let mut wire = Vec::new();
    for chunk in chunks {
        signer.chunk(chunk, &mut wire);
    }
    signer.finish(
        &[
            ("X-Amz-Meta-A", "b c"),
            ("x-amz-checksum-crc32c", "sOO8/Q=="),
        ],
        &mut wire,
    );
    (chunked(&request).unwrap(), wire)
}

fn sign(request: &Request, mode: ChunkMode) -> Signed {
    let signer = Signer {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret: EXAMPLE_SECRET,
        security_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let now = Timestamp::parse(EXAMPLE_TIME).unwrap();
    let options = SignOptions {
        payload: SignPayload::Chunked(mode),
    };
    request.with_head(|head| signer.sign(head, b"", now, &options))
}

const MODES: [ChunkMode; 3] = [
    ChunkMode::Signed,
    ChunkMode::SignedTrailer,
    ChunkMode::UnsignedTrailer,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_payload(
        mode in 0usize..3,
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..5),
        cuts in prop::collection::vec(1usize..64, 1..400),
    ) {
        let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let (body, wire) = made(MODES[mode], &parts);
        let mut payload = Vec::new();
        let mut decoder = body.decoder();
        let (mut rest, mut cuts) = (wire.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (part, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            decoder.feed(part, &mut |bytes| payload.extend_from_slice(bytes)).unwrap();
            rest = tail;
        }
        let trailer = decoder.finish().unwrap();
        prop_assert_eq!(payload, chunks.concat());
        prop_assert_eq!(trailer.len(), if MODES[mode].has_trailer() { 2 } else { 0 });
    }

    #[test]
    fn any_changed_bit_of_a_signed_body_is_refused(
        trailer in any::<bool>(),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..4),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mode = if trailer { ChunkMode::SignedTrailer } else { ChunkMode::Signed };
        let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let (body, mut wire) = made(mode, &parts);
        let whole = decode(body.clone(), &wire, 50).unwrap();
        let at = at.index(wire.len());
        wire[at] ^= 1 << bit;
        // A change of case in a chunk's size or a trailer's name says the same thing.
        if let Ok(changed) = decode(body, &wire, 50) {
            prop_assert_eq!(changed, whole);
        }
    }

    #[test]
    fn random_bytes_are_refused_without_panic(
        mode in 0usize..3,
        wire in prop::collection::vec(prop::sample::select(b"0123456789abcdef;chunk-signature=\r\n\r\n:x".to_vec()), 0..300),
    ) {
        let (body, _) = made(MODES[mode], &[b"hello"]);
        prop_assert!(decode(body, &wire, 7).is_err());
    }
}

#[test]
fn any_cut_is_incomplete_and_any_surplus_refused() {
    for mode in MODES {
        let (body, wire) = made(mode, &[b"hello", b"world"]);
        for end in 0..wire.len() {
            let error = decode(body.clone(), &wire[..end], 9).unwrap_err();
            assert_eq!(error, ChunkError::Incomplete, "{mode:?} cut at {end}");
        }
        let surplus = [wire.as_slice(), b"\r\n"].concat();
        assert_eq!(
            decode(body, &surplus, 1000).unwrap_err(),
            ChunkError::Surplus
        );
    }
}

#[test]
fn chunks_cannot_be_swapped_dropped_or_repeated() {
    let (body, wire) = made(ChunkMode::Signed, &[b"hello", b"world", b"again"]);
    let line = wire
        .windows(7)
        .position(|part| part == b"hello\r\n")
        .unwrap()
        + 7;
    let (a, rest) = wire.split_at(line);
    let (b, rest) = rest.split_at(line);
    assert!(a.ends_with(b"hello\r\n") && b.ends_with(b"world\r\n"));
    for damaged in [[b, a, rest].concat(), [a, a, rest].concat()] {
        assert_eq!(
            decode(body.clone(), &damaged, 30).unwrap_err(),
            ChunkError::Signature
        );
    }
    assert_eq!(
        decode(body, &[a, rest].concat(), 30).unwrap_err(),
        ChunkError::Signature
    );
}

#[test]
fn the_declared_length_is_kept() {
    let (body, _) = made(ChunkMode::UnsignedTrailer, &[b"hello"]);
    for wire in [
        "6\r\nhello!\r\n0\r\n\r\n",
        "4\r\nhell\r\n0\r\n\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
    ] {
        assert_eq!(
            decode(body.clone(), wire.as_bytes(), 100).unwrap_err(),
            ChunkError::Length,
            "{wire:?}"
        );
    }
}

#[test]
fn odd_chunk_lines_are_refused() {
    let (body, _) = made(ChunkMode::UnsignedTrailer, &[b"hello"]);
    let long = format!("{}\r\n", "0".repeat(300));
    for wire in [
        "5\nhello",
        "\r\n",
        "x\r\n",
        "-5\r\n",
        "+5\r\n",
        " 5\r\n",
        "0x5\r\n",
        "5;a=b\r\n",
        "5\r\nhello0\r\n",
        "5\r\nhello\n0\r\n",
        "5\r\nhello\r\r\n",
        "00000000000000005\r\n",
        &long,
    ] {
        assert_eq!(
            decode(body.clone(), wire.as_bytes(), 100).unwrap_err(),
            ChunkError::Malformed,
            "{wire:?}"
        );
    }
    let (body, _) = made(ChunkMode::Signed, &[b"hello"]);
    for wire in [
        "5\r\nhello\r\n",
        "5;chunk-signature=00\r\n",
        "5;signature=00\r\n",
    ] {
        assert_eq!(
            decode(body.clone(), wire.as_bytes(), 100).unwrap_err(),
            ChunkError::Signature,
            "{wire:?}"
        );
    }
}

#[test]
fn the_trailer_is_what_was_declared() {
    let (body, _) = made(ChunkMode::UnsignedTrailer, &[b"hello"]);
    let start = "5\r\nhello\r\n0\r\n";
    let both = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-meta-a:b\r\n";
    assert!(decode(body.clone(), format!("{start}{both}\r\n").as_bytes(), 5).is_ok());
    let long = format!("x-amz-meta-a:{}\r\n", "b".repeat(9000));
    for trailer in [
        "\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-meta-b:b\r\n\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-meta-a:b\r\nx-amz-meta-c:d\r\n\r\n",
        "x-amz-trailer-signature:00\r\n\r\n",
        "no colon\r\n\r\n",
        &long,
    ] {
        let wire = format!("{start}{trailer}");
        assert_eq!(
            decode(body.clone(), wire.as_bytes(), 11).unwrap_err(),
            ChunkError::Trailer,
            "{trailer:?}"
        );
    }
}

#[test]
fn a_signed_trailer_must_be_signed() {
    let (body, wire) = made(ChunkMode::SignedTrailer, &[b"hello"]);
    let text = String::from_utf8(wire).unwrap();
    let (start, signature) = text.split_once("x-amz-trailer-signature:").unwrap();
    let cases = [
        (format!("{start}\r\n"), ChunkError::Incomplete),
        (
            format!("{start}x-amz-trailer-signature:{}\r\n\r\n", "0".repeat(64)),
            ChunkError::Signature,
        ),
        (
            format!("{start}x-amz-trailer-signature:\r\n\r\n"),
            ChunkError::Signature,
        ),
        (text.replace("b c", "b d"), ChunkError::Signature),
        (
            format!(
                "{start}x-amz-trailer-signature:{}x-amz-meta-b:c\r\n\r\n",
                &signature[..66]
            ),
            ChunkError::Trailer,
        ),
    ];
    for (wire, expected) in cases {
        assert_eq!(
            decode(body.clone(), wire.as_bytes(), 13).unwrap_err(),
            expected,
            "{wire:?}"
        );
    }
}

#[test]
fn errors_stay_once_found() {
    let (body, _) = made(ChunkMode::UnsignedTrailer, &[b"hello"]);
    let mut decoder = body.decoder();
    assert_eq!(
        decoder.feed(b"x\r\n", &mut |_| {}),
        Err(ChunkError::Malformed)
    );
    assert_eq!(
        decoder.feed(b"5\r\nhello\r\n0\r\n", &mut |_| {}),
        Err(ChunkError::Malformed)
    );
    assert_eq!(decoder.finish(), Err(ChunkError::Malformed));
}

#[test]
fn headers_of_chunked_bodies_must_fit() {
    let cases: [Misfit; 6] = [
        (&[], ChunkMode::Signed, AuthError::MissingDecodedLength),
        (
            &[("x-amz-decoded-content-length", "-1")],
            ChunkMode::Signed,
            AuthError::MissingDecodedLength,
        ),
        (
            &[("x-amz-decoded-content-length", "99999999999999999999")],
            ChunkMode::Signed,
            AuthError::MissingDecodedLength,
        ),
        (
            &[("x-amz-decoded-content-length", "1")],
            ChunkMode::SignedTrailer,
            AuthError::InvalidTrailerDeclaration,
        ),
        (
            &[
                ("x-amz-decoded-content-length", "1"),
                ("x-amz-trailer", "a,a"),
            ],
            ChunkMode::UnsignedTrailer,
            AuthError::InvalidTrailerDeclaration,
        ),
        (
            &[
                ("x-amz-decoded-content-length", "1"),
                ("x-amz-trailer", "a"),
            ],
            ChunkMode::Signed,
            AuthError::InvalidTrailerDeclaration,
        ),
    ];
    for (headers, mode, expected) in cases {
        let mut request = Request::new("PUT", "/k", &[("host", "s3.amazonaws.com")], b"");
        for (name, value) in headers {
            request.add(name, value);
        }
        for (name, value) in sign(&request, mode).headers {
            request.add(name, &value);
        }
        assert_eq!(chunked(&request).unwrap_err(), expected, "{headers:?}");
    }
}

#[test]
fn bodies_of_the_client_libraries_survive_any_portion() {
    for case in cases() {
        let Some(expected) = &case.payload else {
            continue;
        };
        case.request.with_head(|head| {
            let claim = parse(head).unwrap().unwrap();
            let key = SigningKey::derive(
                common::SECRET,
                claim.scope_date(),
                claim.region(),
                claim.service(),
            );
            let verified =
                verify(&claim, head, &key, Body::Unread, SIGNED_AT, &case.rules()).unwrap();
            if let BodyCheck::Chunked(body) = verified.body {
                for portions in [1, 2, 3, 97, 100_000] {
                    let (payload, _) =
                        decode((*body).clone(), &case.request.body, portions).unwrap();
                    assert!(payload == *expected, "{} by {portions}", case.name);
                }
            }
        });
    }
}
