//! Requests from files.

mod common;

use common::{acl, compile, contains, rule};
use palisade_waf::recorded::{Recorded, har, http, log_record};
use palisade_waf::{Bump, Decision, Moment};
use serde_json::{Value, json};

fn decide(rules: Vec<Value>, recorded: &Recorded) -> Decision {
    let compiled = compile(&acl(rules)).unwrap();
    recorded.ask(|request| {
        compiled.inspect(
            request,
            &Moment::default(),
            &compiled.counters(),
            &Bump::new(),
        )
    })
}

#[test]
fn http_text_is_read_with_either_line_end() {
    for end in ["\n", "\r\n"] {
        let text = [
            "POST /a?b=c HTTP/1.1",
            "Host: example.com",
            "X-Empty:",
            "Content-Length: 3",
            "",
            "abcdef",
        ]
        .join(end);
        let request = http(text.as_bytes()).unwrap();
        assert_eq!(
            (
                request.method.as_str(),
                request.uri.as_str(),
                request.version.as_str()
            ),
            ("POST", "/a?b=c", "HTTP/1.1")
        );
        assert_eq!(
            request.headers[0],
            (b"Host".to_vec(), b"example.com".to_vec())
        );
        assert_eq!(
            (request.headers[1].1.as_slice(), request.body.as_deref()),
            (&b""[..], Some(&b"abc"[..]))
        );
    }
    for broken in ["", "GET", "GET / HTTP/1.1 x", "GET / HTTP/1.1\nno header\n"] {
        assert!(http(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn archives_hold_requests_and_their_bodies() {
    let entry = |data: Value| {
        json!({"request": {"method": "POST", "url": "https://example.com/p?q=1#f", "httpVersion": "HTTP/2",
        "headers": [{"name": ":method", "value": "POST"}, {"name": "accept", "value": "*/*"}], "postData": data}})
    };
    let archive = json!({"log": {"entries": [entry(json!({"text": "body"})), entry(json!({"params": [{"name": "a", "value": "1"}, {"name": "b"}]}))]}});
    let requests = har(archive.to_string().as_bytes()).unwrap();
    assert_eq!(
        (requests[0].headers.len(), requests[0].body.as_deref()),
        (1, Some(&b"body"[..]))
    );
    assert_eq!(requests[1].body.as_deref(), Some(&b"a=1&b="[..]));
    assert!(
        !decide(
            vec![rule("path", 0, contains(json!({"UriPath": {}}), "/p"))],
            &requests[0]
        )
        .verdict
        .passes()
    );
    assert!(har(b"{}").is_err());
}

fn record() -> Recorded {
    let record = json!({"timestamp": 1576280412771u64, "formatVersion": 1, "action": "BLOCK", "ja3Fingerprint": "abc", "httpRequest": {
        "clientIp": "192.0.2.7", "country": "NO", "headers": [{"name": "Host", "value": "example.com"}], "uri": "/login", "args": "next=%2F",
        "httpVersion": "HTTP/1.1", "httpMethod": "POST", "requestId": "rid"}});
    log_record(record.to_string().as_bytes()).unwrap()
}

#[test]
fn log_records_are_requests_without_bodies() {
    let record = record();
    assert_eq!(
        (
            record.uri.as_str(),
            record.id.as_deref(),
            record.action.as_deref()
        ),
        ("/login?next=%2F", Some("rid"), Some("BLOCK"))
    );
    assert_eq!(
        (
            record.time_ms,
            record.ja3.as_deref(),
            record.body.as_deref()
        ),
        (Some(1_576_280_412_771), Some("abc"), None)
    );
    assert!(log_record(b"{}").is_err() && log_record(b"x").is_err());
}

#[test]
fn what_looks_at_an_unknown_body_is_undecided_never_false() {
    let body = || contains(json!({"Body": {"OversizeHandling": "MATCH"}}), "x");
    let path = |text| contains(json!({"UriPath": {}}), text);
    let undecided = |statement: Value| {
        let decision = decide(vec![rule("r", 0, statement)], &record());
        assert!(decision.undecided.is_empty() || decision.verdict.passes());
        (!decision.undecided.is_empty(), decision.verdict.passes())
    };
    assert_eq!(undecided(body()), (true, true));
    assert_eq!(
        undecided(json!({"NotStatement": {"Statement": body()}})),
        (true, true)
    );
    assert_eq!(
        undecided(json!({"AndStatement": {"Statements": [body(), path("nowhere")]}})),
        (false, true)
    );
    assert_eq!(
        undecided(json!({"AndStatement": {"Statements": [body(), path("login")]}})),
        (true, true)
    );
    assert_eq!(
        undecided(json!({"OrStatement": {"Statements": [body(), path("login")]}})),
        (false, false)
    );
    assert_eq!(
        undecided(json!({"OrStatement": {"Statements": [body(), path("nowhere")]}})),
        (true, true)
    );
}
