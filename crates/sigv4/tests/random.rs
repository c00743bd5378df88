//! Requests changed at random, and requests that never were any: refused without a panic.

mod common;

use common::{Case, Request, SIGNED_AT, cases};
use palisade_sigv4::{AuthError, Body, Rules, SigningKey, Verified, parse, verify};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changed_bit_of_signed_material_is_refused(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0u8..7,
    ) {
        thread_local!(static CASES: Vec<Case> = cases());
        CASES.with(|cases| {
            let case = &cases[which.index(cases.len())];
            let mut changed = case.clone();
            let request = &mut changed.request;
            let query = request.query.clone().unwrap_or_default();
            let covered: Vec<usize> = (0..request.headers.len()).filter(|at| {
                let name = &request.headers[*at].0;
                let signed = case.request.with_head(|head| {
                    let claim = parse(head).unwrap().unwrap();
                    claim.signed_headers().any(|signed| signed.eq_ignore_ascii_case(name))
                });
                signed || name.eq_ignore_ascii_case("authorization")
            }).collect();
            let lengths: Vec<usize> = covered.iter().map(|at| request.headers[*at].1.len()).collect();
            let total = request.path.len() + query.len() + lengths.iter().sum::<usize>();
            let mut at = at.index(total);
            let flip = |text: &str, at: usize| {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                String::from_utf8(bytes).ok()
            };
            if at < request.path.len() {
                let Some(path) = flip(&request.path, at) else { return Ok(()) };
                request.path = path;
            } else if at - request.path.len() < query.len() {
                let Some(query) = flip(&query, at - request.path.len()) else { return Ok(()) };
                request.query = Some(query);
            } else {
                at -= request.path.len() + query.len();
                let mut index = 0;
                while at >= lengths[index] {
                    at -= lengths[index];
                    index += 1;
                }
                request.headers[covered[index]].1[at] ^= 1 << bit;
            }
            if changed.verify(SIGNED_AT).is_ok() {
                prop_assert!(says_the_same(case, &changed), "{}: {:?}", case.name, changed.request);
            }
            Ok(())
        })?;
    }

    #[test]
    fn parsing_never_panics_on_arbitrary_headers(
        value in prop::collection::vec(any::<u8>(), 0..200),
        tail in "(Credential|SignedHeaders|Signature|=|,|/| |[a-z0-9;]|é|%[0-9a-f]){0,30}",
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)|=|&|AWS4-HMAC-SHA256|%|[0-9a-zA-Z/;+é]){0,40}",
        path in "(/|\\.|%|[0-9a-zé +$]){0,20}",
    ) {
        let authorization = format!("AWS4-HMAC-SHA256 {tail}");
        for header in [value.as_slice(), authorization.as_bytes()] {
            let mut request = Request::new("GET", &format!("{path}?{query}"), &[("host", "h")], b"");
            request.headers.push(("authorization".into(), header.to_vec()));
            request.headers.push(("x-amz-date".into(), value.clone()));
            request.headers.push(("x-amz-content-sha256".into(), value.clone()));
            let _ = try_all(&request);
            request.headers.truncate(1);
            let _ = try_all(&request);
        }
    }
}

fn try_all(request: &Request) -> Result<Verified, AuthError> {
    request.with_head(|head| {
        let claim = parse(head)?.ok_or(AuthError::MissingAuthentication)?;
        let key = SigningKey::derive(
            "secret",
            claim.scope_date(),
            claim.region(),
            claim.service(),
        );
        let at = claim.timestamp().unix_seconds();
        verify(
            &claim,
            head,
            &key,
            Body::Whole(b""),
            at,
            &Rules::for_service("s3"),
        )
    })
}

/// Whether two requests differ only in spelling: case of escapes, or blanks of a header, or
/// blanks and separators of the authorization header.
fn says_the_same(a: &Case, b: &Case) -> bool {
    let plain = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                match u8::from_str_radix(&digits, 16) {
                    Ok(value) => out.push(value),
                    Err(_) => out.extend([b"%", digits.as_bytes()].concat()),
                }
            } else {
                out.push(byte);
            }
        }
        out
    };
    let headers = |case: &Case| -> Vec<(String, Vec<String>)> {
        let words = |value: &[u8]| {
            let value = String::from_utf8_lossy(value).into_owned();
            value
                .split([' ', '\t', '\r', '\n'])
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        case.request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), words(value)))
            .collect()
    };
    let segments = |path: &str| {
        let mut kept: Vec<String> = Vec::new();
        for segment in path.split('/') {
            match segment {
                "" | "." if a.service != "s3" => {}
                ".." if a.service != "s3" => drop(kept.pop()),
                other => kept.push(other.to_owned()),
            }
        }
        (kept.join("/"), path.ends_with('/'))
    };
    let ((a_path, a_end), (b_path, b_end)) = (segments(&a.request.path), segments(&b.request.path));
    let paths = plain(&a_path) == plain(&b_path) && a_end == b_end;
    let queries = plain(a.request.query.as_deref().unwrap_or_default())
        == plain(b.request.query.as_deref().unwrap_or_default());
    paths && queries && headers(a) == headers(b)
}
