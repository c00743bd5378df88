//! The table of error codes, written out: what each family of services calls what.

use palisade_sigv4::wire::ErrorFamily::{Ec2, Json, Query, RestJson, S3};
use palisade_sigv4::wire::{Answer, ErrorFamily};
use palisade_sigv4::{
    AuthError, ChunkError, ExpiresFault, Mismatch, Missing, ScopeFault, Timestamp,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn mismatch() -> AuthError {
    AuthError::Mismatch(Box::new(Mismatch {
        canonical_request: "GET".to_owned(),
        string_to_sign: "AWS4-HMAC-SHA256".to_owned(),
    }))
}

fn expired() -> AuthError {
    AuthError::Expired {
        request: at("20160609T184512Z"),
        now: at("20160610T014508Z"),
    }
}

fn incomplete() -> AuthError {
    AuthError::IncompleteHeader {
        missing: Missing {
            signature: true,
            ..Missing::default()
        },
        fingerprint: String::new(),
    }
}

fn region() -> AuthError {
    let fault = ScopeFault::Region {
        got: "us-east-1".to_owned(),
        expected: "eu-west-2".to_owned(),
    };
    AuthError::WrongScope {
        faults: vec![fault],
        presigned: false,
    }
}

fn presigned_expired() -> AuthError {
    AuthError::PresignedExpired {
        expired: at("20160609T184512Z"),
        now: at("20160610T014508Z"),
    }
}

const FAMILIES: [ErrorFamily; 5] = [Query, Ec2, Json, RestJson, S3];

#[test]
fn each_family_has_its_own_codes() {
    let table: [(AuthError, [(u16, &str); 5]); 8] = [
        (
            AuthError::MissingAuthentication,
            [
                (403, "MissingAuthenticationToken"),
                (403, "MissingAuthenticationToken"),
                (400, "MissingAuthenticationTokenException"),
                (403, "MissingAuthenticationTokenException"),
                (403, "AccessDenied"),
            ],
        ),
        (
            AuthError::UnknownAccessKey,
            [
                (403, "InvalidClientTokenId"),
                (401, "AuthFailure"),
                (400, "UnrecognizedClientException"),
                (403, "UnrecognizedClientException"),
                (403, "InvalidAccessKeyId"),
            ],
        ),
        (
            AuthError::InvalidToken,
            [
                (403, "InvalidClientTokenId"),
                (401, "AuthFailure"),
                (400, "UnrecognizedClientException"),
                (403, "UnrecognizedClientException"),
                (400, "InvalidToken"),
            ],
        ),
        (
            AuthError::ExpiredToken,
            [
                (403, "ExpiredToken"),
                (400, "RequestExpired"),
                (400, "ExpiredTokenException"),
                (403, "ExpiredTokenException"),
                (400, "ExpiredToken"),
            ],
        ),
        (
            mismatch(),
            [
                (403, "SignatureDoesNotMatch"),
                (401, "AuthFailure"),
                (400, "InvalidSignatureException"),
                (403, "InvalidSignatureException"),
                (403, "SignatureDoesNotMatch"),
            ],
        ),
        (
            expired(),
            [
                (403, "SignatureDoesNotMatch"),
                (400, "RequestExpired"),
                (400, "InvalidSignatureException"),
                (403, "InvalidSignatureException"),
                (403, "RequestTimeTooSkewed"),
            ],
        ),
        (
            incomplete(),
            [
                (400, "IncompleteSignature"),
                (400, "IncompleteSignature"),
                (400, "IncompleteSignatureException"),
                (403, "IncompleteSignatureException"),
                (400, "AuthorizationHeaderMalformed"),
            ],
        ),
        (
            region(),
            [
                (403, "SignatureDoesNotMatch"),
                (401, "AuthFailure"),
                (400, "InvalidSignatureException"),
                (403, "InvalidSignatureException"),
                (400, "AuthorizationHeaderMalformed"),
            ],
        ),
    ];
    for (error, row) in table {
        for (family, (status, code)) in FAMILIES.into_iter().zip(row) {
            let answer = error.answer(family);
            assert_eq!(
                (answer.status, answer.code),
                (status, code),
                "{error} for {family:?}"
            );
            assert!(!answer.message.is_empty());
        }
    }
}

#[test]
fn clocks_that_differ_are_told_the_times_in_aws_words() {
    assert_eq!(
        expired().answer(Query).message,
        "Signature expired: 20160609T184512Z is now earlier than 20160610T013008Z (20160610T014508Z - 15 min.)"
    );
    let early = AuthError::NotYetCurrent {
        request: at("20210112T194419Z"),
        now: at("20210112T071125Z"),
    };
    assert_eq!(
        early.answer(Json).message,
        "Signature not yet current: 20210112T194419Z is still later than 20210112T072625Z (20210112T071125Z + 15 min.)"
    );
}

#[test]
fn scopes_are_told_what_was_expected() {
    let fault = ScopeFault::Service {
        got: "emr".to_owned(),
        expected: "elasticmapreduce".to_owned(),
    };
    let error = AuthError::WrongScope {
        faults: vec![fault],
        presigned: true,
    };
    assert_eq!(
        error.answer(Json).message,
        "Credential should be scoped to correct service: 'elasticmapreduce'. "
    );
    assert_eq!(error.answer(S3).code, "AuthorizationQueryParametersError");
    assert_eq!(
        region().answer(S3).message,
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-2'"
    );
}

#[test]
fn presigned_urls_have_errors_of_their_own() {
    let short = |answer: Answer| (answer.status, answer.code);
    assert_eq!(short(presigned_expired().answer(S3)), (403, "AccessDenied"));
    assert_eq!(
        presigned_expired().answer(S3).message,
        "Request has expired"
    );
    assert_eq!(
        short(presigned_expired().answer(Query)),
        (400, "RequestExpired")
    );
    assert_eq!(
        short(presigned_expired().answer(Ec2)),
        (400, "RequestExpired")
    );
    for fault in [
        ExpiresFault::NotANumber,
        ExpiresFault::Negative,
        ExpiresFault::TooLong,
    ] {
        let answer = AuthError::InvalidExpires(fault).answer(S3);
        assert_eq!(answer.code, "AuthorizationQueryParametersError");
        assert!(answer.message.starts_with("X-Amz-Expires "));
    }
    let missing = Missing {
        date: true,
        expires: true,
        ..Missing::default()
    };
    assert_eq!(
        AuthError::IncompleteQuery { missing }.answer(Query).message,
        "AWS query-string parameters must include 'X-Amz-Date'. \
         AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."
    );
}

#[test]
fn headers_left_unsigned_are_named() {
    let error = AuthError::UnsignedHeaders {
        names: vec!["host".to_owned(), "x-amz-a".to_owned()],
    };
    assert_eq!(
        error.answer(RestJson).message,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization. \
         'x-amz-a' must be a 'SignedHeader' in the AWS Authorization."
    );
}

#[test]
fn bodies_in_chunks_have_s3_errors() {
    let code = |error: ChunkError| (error.answer().status, error.answer().code);
    assert_eq!(code(ChunkError::Signature), (403, "SignatureDoesNotMatch"));
    assert_eq!(code(ChunkError::Incomplete), (400, "IncompleteBody"));
    assert_eq!(code(ChunkError::Trailer), (400, "MalformedTrailerError"));
}

#[test]
fn secrets_and_tokens_stay_out_of_debug_output() {
    let error = AuthError::Mismatch(Box::new(Mismatch {
        canonical_request: "x-amz-security-token:SECRET-TOKEN".to_owned(),
        string_to_sign: String::new(),
    }));
    assert!(!format!("{error:?} {error}").contains("SECRET-TOKEN"));
    let key = palisade_sigv4::SigningKey::derive("SECRET-KEY", "20150830", "us-east-1", "iam");
    assert_eq!(format!("{key:?}"), "SigningKey(..)");
}
