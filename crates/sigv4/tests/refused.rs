//! Requests that must be refused, each for its reason.

mod common;

use common::{Case, Request, SIGNED_AT, cases};
use palisade_sigv4::wire::ErrorFamily;
use palisade_sigv4::{Algorithm, AuthError, Body, Rules, SigningKey, Verified, parse, verify};

type Change = (&'static str, fn(&mut Request));

fn named(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

fn authorization(case: &Case) -> String {
    String::from_utf8(case.request.get("authorization").unwrap().to_vec()).unwrap()
}

fn attempt(case: &Case) -> Result<Verified, AuthError> {
    case.request.with_head(|head| {
        let claim = parse(head)?.ok_or(AuthError::MissingAuthentication)?;
        let key = SigningKey::derive(
            common::SECRET,
            claim.scope_date(),
            claim.region(),
            claim.service(),
        );
        verify(
            &claim,
            head,
            &key,
            Body::Whole(&case.request.body),
            SIGNED_AT,
            &case.rules(),
        )
    })
}

/// Puts a changed request and says which error, by name, it is refused with.
fn refused(case: &Case, change: impl FnOnce(&mut Request)) -> String {
    let mut case = case.clone();
    change(&mut case.request);
    let error = attempt(&case).expect_err("accepted");
    let text = format!("{error:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

#[test]
fn unsigned_requests_claim_nothing() {
    let request = Request::new(
        "GET",
        "/?Action=ListUsers",
        &[("host", "iam.amazonaws.com")],
        b"",
    );
    assert!(request.with_head(|head| parse(head).unwrap().is_none()));
}

#[test]
fn any_change_of_what_is_signed_is_a_mismatch() {
    let iam = named("iam query");
    let changes: [Change; 9] = [
        ("method", |r| r.method = "GET".into()),
        ("path", |r| r.path = "/x".into()),
        ("query", |r| r.query = Some("Action=DeleteUser".into())),
        ("host", |r| r.set("Host", "sts.amazonaws.com")),
        ("content type", |r| r.set("Content-Type", "text/plain")),
        ("body", |r| r.body.push(b'x')),
        ("empty body", |r| r.body.clear()),
        ("signed header gone", |r| {
            r.headers.retain(|(name, _)| name != "Content-Type")
        }),
        ("signed header twice", |r| {
            r.add("Content-Type", "application/json")
        }),
    ];
    for (what, change) in changes {
        assert_eq!(refused(&iam, change), "Mismatch", "{what}");
    }
}

#[test]
fn signatures_must_be_whole_and_in_lower_case() {
    for name in ["iam query", "sts presigned", "s3 key 'plain'"] {
        let case = named(name);
        let replace = |r: &mut Request, edit: &dyn Fn(&str) -> String| {
            if let Some(query) = &r.query {
                r.query = query
                    .rsplit_once('=')
                    .map(|(start, end)| format!("{start}={}", edit(end)));
            }
            if let Some(value) = r
                .get("authorization")
                .map(|v| String::from_utf8(v.to_vec()).unwrap())
            {
                let (start, end) = value.rsplit_once('=').unwrap();
                r.set("authorization", &format!("{start}={}", edit(end)));
            }
        };
        let edits: [&dyn Fn(&str) -> String; 6] = [
            &|s| s[..63].to_owned(),
            &|s| s[..1].to_owned(),
            &|s| format!("{s}0"),
            &|s| s.to_uppercase(),
            &|s| s.chars().rev().collect(),
            &|_| "0".repeat(64),
        ];
        for edit in edits {
            assert_eq!(refused(&case, |r| replace(r, edit)), "Mismatch", "{name}");
        }
    }
}

#[test]
fn the_scope_is_bound() {
    let iam = named("iam query");
    let swap = |from: &str, to: &str| {
        let value = authorization(&iam).replace(from, to);
        refused(&iam, |r| r.set("authorization", &value))
    };
    assert_eq!(swap("/iam/", "/sts/"), "WrongScope");
    assert_eq!(swap("/us-east-1/", "/eu-west-1/"), "WrongScope");
    assert_eq!(swap("/20250228/", "/20250301/"), "WrongScope");
    assert_eq!(swap("/aws4_request", "/aws5_request"), "WrongScope");
    assert_eq!(
        swap("/aws4_request", "/aws4_request/x"),
        "MalformedCredential"
    );
    assert_eq!(swap("/aws4_request", ""), "MalformedCredential");
    assert_eq!(swap("AKIDEXAMPLE/", "/"), "MalformedCredential");

    // A server that takes any service and region still does not take another key for this one.
    let value = authorization(&iam).replace("/iam/", "/sts/");
    let mut case = iam.clone();
    case.request.set("authorization", &value);
    case.service = "sts".to_owned();
    assert!(matches!(attempt(&case), Err(AuthError::Mismatch(_))));
}

#[test]
fn all_faults_of_a_scope_are_told_together() {
    let iam = named("iam query");
    let value = authorization(&iam).replace("20250228/us-east-1/iam/aws4_request", "b/c/d/e");
    let mut case = iam.clone();
    case.request.set("authorization", &value);
    let answer = attempt(&case).unwrap_err().answer(ErrorFamily::Json);
    assert_eq!(
        (answer.status, answer.code),
        (400, "InvalidSignatureException")
    );
    assert_eq!(
        answer.message,
        "Credential should be scoped to a valid region, not 'c'. \
         Credential should be scoped to correct service: 'iam'. \
         Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. \
         Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         'b' != '20250228', from '20250228T235958Z'."
    );
}

#[test]
fn headers_that_count_must_be_signed() {
    let iam = named("sts query with token");
    assert_eq!(
        refused(&iam, |r| r.add("x-amz-meta-a", "b")),
        "UnsignedHeaders"
    );
    assert_eq!(
        refused(&iam, |r| r.add("X-AMZ-Target", "b")),
        "UnsignedHeaders"
    );
    let without = |name: &str| {
        let value = authorization(&iam).replace(name, "");
        refused(&iam, |r| r.set("authorization", &value))
    };
    assert_eq!(without("host;"), "UnsignedHeaders");
    assert_eq!(without("x-amz-date;"), "UnsignedHeaders");
    assert_eq!(without(";x-amz-security-token"), "UnsignedHeaders");
    assert_eq!(without("content-type;"), "Mismatch");

    // A token slipped in beside one that is signed, or into a request signed without.
    assert_eq!(
        refused(&iam, |r| r.add("x-amz-security-token", "other")),
        "DuplicateHeader"
    );
    let plain = named("iam query");
    assert_eq!(
        refused(&plain, |r| r.add("x-amz-security-token", "other")),
        "UnsignedHeaders"
    );

    // The X-Ray header and the like begin otherwise, and proxies add them.
    let mut traced = plain.clone();
    traced.request.add("x-amzn-trace-id", "Root=1");
    traced.request.add("x-forwarded-for", "192.0.2.1");
    assert!(attempt(&traced).is_ok());

    let shown = attempt(&{
        let mut case = plain.clone();
        case.request.add("x-amz-meta-a", "b");
        case
    });
    let answer = shown.unwrap_err().answer(ErrorFamily::S3);
    assert_eq!((answer.status, answer.code), (403, "AccessDenied"));
    assert_eq!(
        answer.message,
        "There were headers present in the request which were not signed"
    );
}

#[test]
fn a_presigned_url_does_not_cover_headers_added_to_it() {
    let case = named("s3 presigned put with token");
    assert_eq!(
        refused(&case, |r| r.add("x-amz-copy-source", "secret/key")),
        "UnsignedHeaders"
    );
    assert_eq!(
        refused(&case, |r| r.add("x-amz-tagging", "a=b")),
        "UnsignedHeaders"
    );
    assert_eq!(
        refused(&case, |r| r.set("content-type", "text/html")),
        "Mismatch"
    );
    assert_eq!(refused(&case, |r| r.method = "DELETE".into()), "Mismatch");
}

#[test]
fn headers_that_authentication_reads_may_not_be_repeated() {
    let iam = named("sts query with token");
    for name in [
        "Authorization",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "Host",
    ] {
        let value = String::from_utf8(iam.request.get(name).unwrap().to_vec()).unwrap();
        assert_eq!(
            refused(&iam, |r| r.add(name, &value)),
            "DuplicateHeader",
            "{name}"
        );
    }
    let s3 = named("s3 key 'plain'");
    let hash = String::from_utf8(s3.request.get("x-amz-content-sha256").unwrap().to_vec()).unwrap();
    assert_eq!(
        refused(&s3, |r| r.add("X-Amz-Content-Sha256", &hash)),
        "DuplicateHeader"
    );
}

#[test]
fn authentication_parameters_may_not_be_repeated_or_smuggled() {
    let case = named("sts presigned");
    let query = case.request.query.clone().unwrap();
    for pair in query.split('&').filter(|pair| pair.starts_with("X-Amz-")) {
        let (name, value) = pair.split_once('=').unwrap();
        let escaped = name.replace('-', "%2D");
        for extra in [
            pair.to_owned(),
            format!("{name}=x"),
            format!("{name}="),
            format!("{escaped}={value}"),
        ] {
            let found = refused(&case, |r| r.query = Some(format!("{extra}&{query}")));
            assert_eq!(found, "DuplicateQuery", "{extra}");
            let found = refused(&case, |r| r.query = Some(format!("{query}&{extra}")));
            assert_eq!(found, "DuplicateQuery", "{extra}");
        }
        let left: Vec<&str> = query.split('&').filter(|other| *other != pair).collect();
        let found = refused(&case, |r| r.query = Some(left.join("&")));
        // Without its token the request is whole, but not the one signed.
        let expected = if name == "X-Amz-Security-Token" {
            "Mismatch"
        } else {
            "IncompleteQuery"
        };
        assert_eq!(found, expected, "{name}");
    }
    for added in ["&a=b", "&&x", "&X-Amz-Signature2=x", "&%58"] {
        assert_eq!(
            refused(&case, |r| r.query = Some(format!("{query}{added}"))),
            "Mismatch",
            "{added}"
        );
    }
}

#[test]
fn one_mechanism_at_a_time() {
    let header = named("iam query");
    let presigned = named("iam presigned");
    let query = presigned.request.query.clone().unwrap();
    assert_eq!(
        refused(&header, |r| r.query = Some(query.clone())),
        "SeveralMechanisms"
    );
    let value = authorization(&header);
    assert_eq!(
        refused(&presigned, |r| r.add("authorization", &value)),
        "SeveralMechanisms"
    );
    assert_eq!(
        refused(&presigned, |r| r.add("authorization", "Bearer x")),
        "SeveralMechanisms"
    );
    assert_eq!(
        refused(&header, |r| r.query = Some("X-Amz-Signature=0".into())),
        "SeveralMechanisms"
    );
    assert_eq!(
        refused(&header, |r| r.query =
            Some("AWSAccessKeyId=a&Signature=b".into())),
        "SeveralMechanisms"
    );
    let with_v2 = format!("{query}&AWSAccessKeyId=a&Signature=b");
    assert_eq!(
        refused(&presigned, |r| r.query = Some(with_v2)),
        "SeveralMechanisms"
    );
    // Two session tokens that disagree.
    let sts = named("sts presigned");
    assert_eq!(
        refused(&sts, |r| r.add("x-amz-security-token", "other")),
        "SeveralMechanisms"
    );
    let answer = AuthError::SeveralMechanisms.answer(ErrorFamily::S3);
    assert_eq!((answer.status, answer.code), (400, "InvalidArgument"));
}

#[test]
fn other_algorithms_are_refused_by_name() {
    let cases = [
        (
            "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/aws4_request, SignedHeaders=host, Signature=3045",
            Algorithm::SigV4A,
        ),
        (
            "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
            Algorithm::SigV2,
        ),
        ("Bearer abc", Algorithm::Other),
        ("Basic dTpw", Algorithm::Other),
        ("AWS4-HMAC-SHA512 Credential=a", Algorithm::Other),
        ("", Algorithm::Other),
    ];
    for (value, algorithm) in cases {
        let request = Request::new("GET", "/", &[("host", "h"), ("authorization", value)], b"");
        let error = request.with_head(|head| parse(head).unwrap_err());
        assert_eq!(error, AuthError::UnsupportedAlgorithm(algorithm), "{value}");
    }
    for (query, algorithm) in [
        (
            "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Region-Set=*",
            Algorithm::SigV4A,
        ),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA1", Algorithm::Other),
        ("AWSAccessKeyId=a&Expires=1&Signature=b", Algorithm::SigV2),
    ] {
        let request = Request::new("GET", &format!("/?{query}"), &[("host", "h")], b"");
        let error = request.with_head(|head| parse(head).unwrap_err());
        assert_eq!(error, AuthError::UnsupportedAlgorithm(algorithm), "{query}");
    }
    let answer = AuthError::UnsupportedAlgorithm(Algorithm::SigV4A).answer(ErrorFamily::Query);
    assert_eq!((answer.status, answer.code), (400, "IncompleteSignature"));
    assert!(answer.message.contains("AWS4-ECDSA-P256-SHA256"));
}

#[test]
fn what_an_authorization_header_lacks_is_said() {
    let parse_error = |value: &str| {
        let request = Request::new("GET", "/", &[("host", "h"), ("authorization", value)], b"");
        request.with_head(|head| parse(head).unwrap_err())
    };
    let answer = parse_error("AWS4-HMAC-SHA256 Signature=b").answer(ErrorFamily::Query);
    assert_eq!((answer.status, answer.code), (400, "IncompleteSignature"));
    assert!(answer.message.starts_with(
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed"
    ));
    assert!(
        !answer.message.contains("Signature=b"),
        "the header is not repeated"
    );
    for value in [
        "AWS4-HMAC-SHA256 Credential",
        "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=a, Credential=b",
        "AWS4-HMAC-SHA256 Other=a",
        "AWS4-HMAC-SHA256 credential=a",
    ] {
        assert!(
            matches!(parse_error(value), AuthError::MalformedAuthorization { .. }),
            "{value}"
        );
    }
}

#[test]
fn spacing_and_order_of_the_header_do_not_matter() {
    let iam = named("iam query");
    let value = authorization(&iam);
    let (scheme, rest) = value.split_once(' ').unwrap();
    let parts: Vec<&str> = rest.split(", ").collect();
    for value in [
        format!("{scheme} {}", parts.join(",")),
        format!("{scheme}   {}  ", parts.join(" ,  ")),
        format!("{scheme} {}, {}, {}", parts[2], parts[0], parts[1]),
        format!("{scheme}\t{},", parts.join(",\t")),
    ] {
        let mut case = iam.clone();
        case.request.set("authorization", &value);
        assert!(attempt(&case).is_ok(), "{value}");
    }
}

#[test]
fn lists_of_signed_headers_are_well_formed() {
    let iam = named("iam query");
    for list in [
        "",
        "host;",
        ";host",
        "host;;x-amz-date",
        "Host;x-amz-date",
        "host;host;x-amz-date",
        "ho st",
        "hö",
        ":",
    ] {
        let value = authorization(&iam).replace("content-type;host;x-amz-date", list);
        let found = refused(&iam, |r| r.set("authorization", &value));
        let expected = if list.is_empty() {
            "MalformedAuthorization"
        } else {
            "MalformedSignedHeaders"
        };
        assert_eq!(found, expected, "{list}");
    }
    let many: Vec<String> = (0..300).map(|n| format!("h{n:03}")).collect();
    let value = authorization(&iam).replace("content-type;host;x-amz-date", &many.join(";"));
    assert_eq!(
        refused(&iam, |r| r.set("authorization", &value)),
        "MalformedSignedHeaders"
    );
}

#[test]
fn dates_and_lives_are_read_strictly() {
    let iam = named("iam query");
    for date in [
        "2025-02-28T23:59:58Z",
        "20250230T000000Z",
        "Fri, 28 Feb 2025 23:59:58 GMT",
        "now",
    ] {
        assert_eq!(
            refused(&iam, |r| r.set("x-amz-date", date)),
            "InvalidDate",
            "{date}"
        );
    }
    assert_eq!(
        refused(&iam, |r| r.headers.retain(|(name, _)| name != "X-Amz-Date")),
        "IncompleteHeader"
    );

    let sts = named("sts presigned");
    let query = sts.request.query.clone().unwrap();
    for expires in [
        "604801",
        "-1",
        "",
        "1.5",
        "1e3",
        "+1",
        "99999999999999999999",
        "%20%36",
    ] {
        let query = query.replace("X-Amz-Expires=60", &format!("X-Amz-Expires={expires}"));
        assert_eq!(
            refused(&sts, |r| r.query = Some(query)),
            "InvalidExpires",
            "{expires}"
        );
    }
    // A longer life is another request.
    let query = query.replace("X-Amz-Expires=60", "X-Amz-Expires=604800");
    assert_eq!(refused(&sts, |r| r.query = Some(query)), "Mismatch");
}

#[test]
fn a_date_header_stands_in_where_x_amz_date_is_missing() {
    use palisade_sigv4::{TERMINATOR, Timestamp};
    use sha2::{Digest, Sha256};
    let now = Timestamp::from_unix_seconds(SIGNED_AT).unwrap();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    for date in ["20250228T235958Z", "Fri, 28 Feb 2025 23:59:58 GMT"] {
        let canonical = format!(
            "GET\n/\n\ndate:{date}\nhost:h\n\ndate;host\n{}",
            hex(&Sha256::digest(b""))
        );
        let scope = format!("20250228/us-east-1/iam/{TERMINATOR}");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{now}\n{scope}\n{}",
            hex(&Sha256::digest(&canonical))
        );
        let key = SigningKey::derive(common::SECRET, "20250228", "us-east-1", "iam");
        let signature = key.sign_hex(&[to_sign.as_bytes()]);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders=date;host, Signature={signature}"
        );
        let request = Request::new(
            "GET",
            "/",
            &[("host", "h"), ("date", date), ("authorization", &value)],
            b"",
        );
        request.with_head(|head| {
            let claim = parse(head).unwrap().unwrap();
            let rules = Rules::for_service("iam");
            assert!(
                verify(&claim, head, &key, Body::Whole(b""), SIGNED_AT, &rules).is_ok(),
                "{date}"
            );
        });
    }
}

#[test]
fn bodies_are_bound_to_the_hash_declared() {
    let s3 = named("s3 put over plain http");
    assert_eq!(
        refused(&s3, |r| r.body = b"hellO".to_vec()),
        "PayloadMismatch"
    );
    assert_eq!(
        refused(&s3, |r| r.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        "Mismatch"
    );
    assert_eq!(
        refused(&s3, |r| r.set("x-amz-content-sha256", "anything")),
        "InvalidPayloadHash"
    );
    let gone = |r: &mut Request| {
        r.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("x-amz-content-sha256"))
    };
    assert_eq!(refused(&s3, gone), "MissingPayloadHash");
    let iam = named("iam query");
    let covering = authorization(&iam).replace("host;", "host;x-amz-content-sha256;");
    let unsigned = refused(&iam, |r| {
        r.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        r.set("authorization", &covering);
    });
    assert_eq!(unsigned, "UnsignedPayload");
    let answer = AuthError::PayloadMismatch.answer(ErrorFamily::S3);
    assert_eq!(
        (answer.status, answer.code),
        (400, "XAmzContentSHA256Mismatch")
    );
}

/// Some SDKs move `x-amz-content-sha256` into the query of a presigned URL.
#[test]
fn a_presigned_url_may_bear_its_payload_hash_in_the_query() {
    let signer = palisade_sigv4::sign::Signer {
        access_key_id: common::ACCESS_KEY,
        secret: common::SECRET,
        security_token: None,
        region: "us-east-1",
        service: "s3",
    };
    let now = palisade_sigv4::Timestamp::from_unix_seconds(SIGNED_AT).unwrap();
    let mut request = Request::new(
        "PUT",
        "/b/k?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
        &[("host", "h")],
        b"hello",
    );
    request.query = Some(request.with_head(|head| signer.presign(head, b"", now, 60)));
    let case = Case {
        service: "s3".to_owned(),
        region: "us-east-1".to_owned(),
        request,
        ..named("s3 key 'plain'")
    };
    assert!(attempt(&case).is_ok());
    let found = refused(&case, |r| r.add("x-amz-content-sha256", &"0".repeat(64)));
    assert_eq!(found, "InvalidPayloadHash");
    let query = case.request.query.clone().unwrap();
    let hashed = query.replace("UNSIGNED-PAYLOAD", &"0".repeat(64));
    assert_eq!(refused(&case, |r| r.query = Some(hashed)), "Mismatch");
}

#[test]
fn host_and_authority_must_agree() {
    let iam = named("iam query");
    let mut case = iam.clone();
    case.request.authority = Some("IAM.amazonaws.com".into());
    assert!(attempt(&case).is_ok());
    assert_eq!(
        refused(&iam, |r| r.authority = Some("evil.example".into())),
        "AmbiguousHost"
    );
    // HTTP/2 has no Host: the authority takes its place.
    case.request.authority = Some("iam.amazonaws.com".into());
    case.request
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    assert!(attempt(&case).is_ok());
    case.request.authority = Some("sts.amazonaws.com".into());
    assert!(matches!(attempt(&case), Err(AuthError::Mismatch(_))));
}

#[test]
fn s3_paths_are_taken_literally_and_others_are_not() {
    let s3 = named("s3 key 'a//b'");
    assert_eq!(refused(&s3, |r| r.path = "/docs/a/b".into()), "Mismatch");
    let s3 = named("s3 key 'a%2Fb'");
    assert_eq!(refused(&s3, |r| r.path = "/docs/a%2Fb".into()), "Mismatch");
    let crt = named("crt iam header /a/../b//c/./d/");
    let mut same = crt.clone();
    same.request.path = "/b/c/d/".into();
    assert!(attempt(&same).is_ok());
    assert_eq!(refused(&crt, |r| r.path = "/b/c/d".into()), "Mismatch");
}

#[test]
fn characters_left_unencoded_may_be_signed_either_way() {
    // Encoded by the client when signing, not when sending.
    let mut s3 = named("s3 key \"!$'()*,:;@[]\"");
    s3.request.path = "/docs/!$'()*,:;@[]".into();
    assert!(attempt(&s3).is_ok());
    let mut list = named("s3 virtual host");
    list.request.query = list
        .request
        .query
        .map(|query| query.replace("%2F", "/").replace("%3D", "="));
    assert!(attempt(&list).is_ok());
    // `+` is a plus sign, not a blank.
    let mut key = named("s3 key 'a+b'");
    key.request.path = "/docs/a+b".into();
    assert!(attempt(&key).is_ok());
    let blank = named("s3 key 'a b'");
    assert_eq!(refused(&blank, |r| r.path = "/docs/a+b".into()), "Mismatch");
}

#[test]
fn line_feeds_do_not_move_the_borders_of_the_canonical_request() {
    let s3 = named("s3 key 'plain'");
    let host = String::from_utf8(s3.request.get("host").unwrap().to_vec()).unwrap();
    let found = refused(&s3, |r| r.path = format!("/docs/plain\n\nhost:{host}"));
    assert_eq!(found, "Mismatch");
    assert_eq!(
        refused(&s3, |r| r.method = "GET\n/docs/plain".into()),
        "MalformedHeader"
    );
}
