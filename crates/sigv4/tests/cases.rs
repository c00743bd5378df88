//! Requests signed by botocore and by the AWS Common Runtime (`cases/make.py`).

mod common;

use common::{ACCESS_KEY, Case, SECRET, SIGNED_AT, cases};
use palisade_sigv4::sign::{SignOptions, SignPayload, Signer};
use palisade_sigv4::{Body, BodyCheck, Carrier, KeyCache, PayloadMode, Timestamp, parse};

#[test]
fn every_request_is_verified_and_its_payload_comes_out() {
    for case in cases() {
        let payload = case
            .verify(SIGNED_AT)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        if let Some(expected) = &case.payload {
            assert!(payload == *expected, "{}: another payload", case.name);
        }
    }
}

#[test]
fn claims_say_what_was_signed() {
    for case in cases() {
        case.request.with_head(|head| {
            let claim = parse(head).unwrap().unwrap();
            assert_eq!(claim.access_key_id(), ACCESS_KEY);
            assert_eq!(
                (claim.region(), claim.service()),
                (case.region.as_str(), case.service.as_str())
            );
            assert_eq!(
                claim.security_token(),
                case.token.as_deref(),
                "{}",
                case.name
            );
            assert_eq!(claim.timestamp().unix_seconds(), SIGNED_AT);
            assert_eq!(claim.scope_date(), "20250228");
            let expires = match claim.carrier() {
                Carrier::Header => None,
                Carrier::Query { expires } => Some(expires),
            };
            assert_eq!(expires, case.expires, "{}", case.name);
        });
    }
}

#[test]
fn header_signatures_are_good_for_fifteen_minutes_either_way() {
    for case in cases().iter().filter(|case| case.expires.is_none()) {
        for good in [-900, 900] {
            assert!(
                case.verify(SIGNED_AT + good).is_ok(),
                "{} {good}",
                case.name
            );
        }
        let error = case.verify(SIGNED_AT + 901).unwrap_err();
        assert!(error.starts_with("Expired"), "{}: {error}", case.name);
        let error = case.verify(SIGNED_AT - 901).unwrap_err();
        assert!(error.starts_with("NotYetCurrent"), "{}: {error}", case.name);
    }
}

#[test]
fn presigned_urls_are_good_until_they_expire() {
    let presigned: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.expires.is_some())
        .collect();
    assert!(presigned.len() > 20);
    for case in presigned {
        let expires = i64::from(case.expires.unwrap());
        assert!(case.verify(SIGNED_AT + expires).is_ok(), "{}", case.name);
        let error = case.verify(SIGNED_AT + expires + 1).unwrap_err();
        assert!(
            error.starts_with("PresignedExpired"),
            "{}: {error}",
            case.name
        );
        let error = case.verify(SIGNED_AT - 901).unwrap_err();
        assert!(error.starts_with("NotYetCurrent"), "{}: {error}", case.name);
    }
}

/// Signing what the libraries signed gives their signature: the signer is no mirror of the
/// verifier alone.
#[test]
fn our_signer_agrees_with_the_libraries() {
    let mut signed = 0;
    for case in cases() {
        let mut request = case.request.clone();
        let theirs = request.with_head(|head| {
            let claim = parse(head).unwrap().unwrap();
            let names: Vec<String> = claim.signed_headers().map(str::to_owned).collect();
            (names, claim.payload_mode(), claim.carrier())
        });
        if theirs.2 != Carrier::Header {
            continue;
        }
        let payload = match theirs.1 {
            PayloadMode::Absent => SignPayload::Hash,
            PayloadMode::Sha256(_) => SignPayload::HashInHeader,
            PayloadMode::Unsigned => SignPayload::Unsigned,
            PayloadMode::Chunked(mode) => SignPayload::Chunked(mode),
        };
        let authorization =
            String::from_utf8(request.get("authorization").unwrap().to_vec()).unwrap();
        let ours = [
            "x-amz-date",
            "x-amz-content-sha256",
            "x-amz-security-token",
            "authorization",
        ];
        request.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            theirs.0.contains(&name) && !ours.contains(&name.as_str())
        });
        let signer = Signer {
            access_key_id: ACCESS_KEY,
            secret: SECRET,
            security_token: case.token.as_deref(),
            region: &case.region,
            service: &case.service,
        };
        let now = Timestamp::from_unix_seconds(SIGNED_AT).unwrap();
        let options = SignOptions { payload };
        let result = request.with_head(|head| signer.sign(head, &request.body, now, &options));
        assert_eq!(
            result.headers.last().unwrap().1,
            authorization,
            "{}",
            case.name
        );
        signed += 1;
    }
    assert!(signed > 50, "{signed}");
}

#[test]
fn cached_keys_verify_as_derived_ones_do() {
    let cache = KeyCache::new(64);
    for round in 0..2 {
        for case in cases() {
            case.request.with_head(|head| {
                let claim = parse(head).unwrap().unwrap();
                let known = cache.get(claim.credential(), 7).is_some();
                let secret = || {
                    assert!(
                        !known,
                        "the secret was asked for although the key is cached"
                    );
                    Ok(SECRET)
                };
                let body = Body::Whole(&case.request.body);
                let verified =
                    cache.verify(&claim, head, 7, secret, body, SIGNED_AT, &case.rules());
                assert!(verified.is_ok(), "{} in round {round}", case.name);
                assert!(cache.get(claim.credential(), 7).is_some());
            });
        }
    }
}

#[test]
fn a_body_that_is_not_read_yet_leaves_its_hash_to_be_checked() {
    let all = cases();
    let case = all
        .iter()
        .find(|case| case.name == "s3 put over plain http")
        .unwrap();
    case.request.with_head(|head| {
        let claim = parse(head).unwrap().unwrap();
        assert!(!claim.needs_body(&case.rules()));
        let cache = KeyCache::new(1);
        let verified = cache
            .verify(
                &claim,
                head,
                0,
                || Ok(SECRET),
                Body::Unread,
                SIGNED_AT,
                &case.rules(),
            )
            .unwrap();
        let BodyCheck::Sha256(signed) = verified.body else {
            panic!("{:?}", verified.body);
        };
        use sha2::Digest;
        let actual = sha2::Sha256::digest(&case.request.body).into();
        assert!(palisade_sigv4::check_body_hash(&signed, &actual).is_ok());
        assert!(palisade_sigv4::check_body_hash(&signed, &[0; 32]).is_err());
    });
    let case = all.iter().find(|case| case.name == "iam query").unwrap();
    case.request.with_head(|head| {
        assert!(parse(head).unwrap().unwrap().needs_body(&case.rules()));
    });
}
