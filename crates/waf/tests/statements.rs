//! The statements: when each of them holds.

mod common;

use std::net::IpAddr;
use std::sync::Arc;

use common::{Sample, acl, b64, compile, compile_in, contains, matches, on, rule, transformed};
use palisade_waf::detect::{Detection, Detector, Environment, Origins};
use palisade_waf::{Bump, Moment};
use serde_json::{Value, json};

const SET: &str = "arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/s/1";
const PATTERNS: &str = "arn:aws:wafv2:eu-west-1:111122223333:regional/regexpatternset/s/1";

fn path() -> Value {
    json!({"UriPath": {}})
}

#[test]
fn bytes_match_by_position() {
    let holds = |position: &str, text: &str, path_text: &str| {
        let more = json!({"SearchString": b64(text), "PositionalConstraint": position});
        matches(
            on(path(), "ByteMatchStatement", more),
            &Sample::get(path_text),
        )
    };
    assert!(holds("EXACTLY", "/ab", "/ab") && !holds("EXACTLY", "/a", "/ab"));
    assert!(holds("STARTS_WITH", "/a", "/ab") && !holds("STARTS_WITH", "a", "/ab"));
    assert!(holds("ENDS_WITH", "ab", "/ab") && !holds("ENDS_WITH", "a", "/ab"));
    assert!(holds("CONTAINS", "ab", "/xaby") && !holds("CONTAINS", "AB", "/xaby"));
    assert!(
        holds("CONTAINS_WORD", "BadBot", "/;BadBot")
            && holds("CONTAINS_WORD", "BadBot", "/BadBot;x")
    );
    assert!(
        !holds("CONTAINS_WORD", "BadBot", "/BadBots")
            && !holds("CONTAINS_WORD", "BadBot", "/_BadBot")
    );
    assert!(holds("CONTAINS_WORD", "aa", "/aaa-aa"));
}

#[test]
fn transformations_run_by_priority_and_each_chain_once() {
    let statement = |chain: &[&str]| {
        transformed(
            path(),
            chain,
            "ByteMatchStatement",
            json!({"SearchString": b64("<script"), "PositionalConstraint": "CONTAINS"}),
        )
    };
    let sample = Sample::get("/%253CSCRIPT");
    assert!(matches(
        statement(&["URL_DECODE", "URL_DECODE", "LOWERCASE"]),
        &sample
    ));
    assert!(!matches(statement(&["URL_DECODE", "LOWERCASE"]), &sample));
    let rules = vec![
        rule("a", 0, statement(&["URL_DECODE", "LOWERCASE"])),
        rule("b", 1, statement(&["URL_DECODE"])),
        rule("c", 2, statement(&["NONE"])),
    ];
    let acl = compile(&acl(rules)).unwrap();
    assert_eq!(
        acl.shared_work(),
        (1, 3),
        "one field; it, decoded, and in small letters"
    );
}

#[test]
fn sizes_are_those_after_transformations() {
    let size = |chain: &[&str], comparison: &str, size: u64| {
        matches(
            transformed(
                path(),
                chain,
                "SizeConstraintStatement",
                json!({"ComparisonOperator": comparison, "Size": size}),
            ),
            &Sample::get("/%41"),
        )
    };
    assert!(
        size(&["NONE"], "EQ", 4)
            && size(&["URL_DECODE"], "EQ", 2)
            && size(&["MD5"], "EQ", 16)
            && size(&["SHA256"], "GE", 32)
    );
    assert!(
        size(&["NONE"], "NE", 3)
            && size(&["NONE"], "LT", 5)
            && size(&["NONE"], "LE", 4)
            && size(&["NONE"], "GT", 3)
            && !size(&["NONE"], "GT", 4)
    );
}

#[test]
fn expressions_match_alone_and_in_sets() {
    let regex = |pattern: &str| {
        on(
            path(),
            "RegexMatchStatement",
            json!({"RegexString": pattern}),
        )
    };
    assert!(
        matches(regex("^/adm(in|n)$"), &Sample::get("/admin"))
            && !matches(regex("^/adm$"), &Sample::get("/admin"))
    );
    let set = json!({"ARN": PATTERNS, "RegularExpressionList": [{"RegexString": "passwd|shadow"}, {"RegexString": "\\d{3}$"}, {"RegexString": "^/x"}]});
    let in_set = on(
        path(),
        "RegexPatternSetReferenceStatement",
        json!({"ARN": PATTERNS}),
    );
    let compiled = compile(
        &json!({"WebACL": acl(vec![rule("r", 0, in_set.clone())]), "RegexPatternSets": [set]}),
    )
    .unwrap();
    for (uri, blocked) in [
        ("/etc/shadow", true),
        ("/a123", true),
        ("/xyz", true),
        ("/a12", false),
        ("/", false),
    ] {
        assert_eq!(Sample::get(uri).blocked(&compiled), blocked, "{uri}");
    }
    let missing = compile(&acl(vec![rule("r", 0, in_set)])).unwrap_err();
    assert_eq!(missing.code(), "WAFNonexistentItemException");
}

fn ip_rule(forwarded: Value) -> Value {
    let set = json!({"ARN": SET, "Name": "s", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24", "198.51.100.7/32"]});
    let mut statement = json!({"IPSetReferenceStatement": {"ARN": SET}});
    if !forwarded.is_null() {
        statement["IPSetReferenceStatement"]["IPSetForwardedIPConfig"] = forwarded;
    }
    json!({"WebACL": acl(vec![rule("r", 0, statement)]), "IPSets": [set]})
}

#[test]
fn addresses_are_looked_up_in_sets() {
    let compiled = compile(&ip_rule(Value::Null)).unwrap();
    assert!(
        Sample::get("/").from("192.0.2.77").blocked(&compiled)
            && Sample::get("/")
                .from("::ffff:198.51.100.7")
                .blocked(&compiled)
    );
    assert!(
        !Sample::get("/").from("203.0.113.1").blocked(&compiled)
            && !Sample::get("/").from("2001:db8::1").blocked(&compiled)
    );
}

#[test]
fn forwarded_addresses_count_by_position() {
    let config = |position: &str, fallback: &str| {
        ip_rule(
            json!({"HeaderName": "X-Forwarded-For", "FallbackBehavior": fallback, "Position": position}),
        )
    };
    let blocked = |position: &str, fallback: &str, header: Option<&str>| {
        let sample = Sample::get("/").from("192.0.2.1");
        let sample = header.map_or(sample.clone(), |header| {
            sample.header("x-forwarded-for", header)
        });
        sample.blocked(&compile(&config(position, fallback)).unwrap())
    };
    assert!(
        blocked("FIRST", "NO_MATCH", Some("192.0.2.9, 203.0.113.1"))
            && !blocked("FIRST", "NO_MATCH", Some("203.0.113.1, 192.0.2.9"))
    );
    assert!(
        blocked("LAST", "NO_MATCH", Some("203.0.113.1, 192.0.2.9"))
            && blocked("ANY", "NO_MATCH", Some("1.1.1.1,192.0.2.9,2.2.2.2"))
    );
    assert!(
        blocked("FIRST", "MATCH", Some("unknown"))
            && !blocked("FIRST", "NO_MATCH", Some("unknown"))
    );
    assert!(
        !blocked("FIRST", "MATCH", None),
        "without the header the rule does not apply"
    );
    let eleven = format!("192.0.2.9{}", ",1.1.1.1".repeat(10));
    assert!(
        !blocked("ANY", "NO_MATCH", Some(&eleven)),
        "ANY looks at the last ten"
    );
}

#[derive(Debug)]
struct Atlas;

impl Origins for Atlas {
    fn country(&self, address: IpAddr) -> Option<&str> {
        Some(if address.to_string().starts_with("192.") {
            "NO"
        } else {
            "BR"
        })
    }

    fn region(&self, address: IpAddr) -> Option<&str> {
        address.to_string().starts_with("192.").then_some("03")
    }

    fn asn(&self, address: IpAddr) -> Option<u32> {
        address.to_string().starts_with("192.").then_some(64_500)
    }
}

#[test]
fn countries_and_systems_come_from_the_data_given() {
    let environment = Environment {
        origins: Some(Arc::new(Atlas)),
        ..Environment::default()
    };
    let geo = json!({"GeoMatchStatement": {"CountryCodes": ["NO"]}});
    let label = json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:clientip:geo:region:NO-03"}});
    let mut counted = rule(
        "geo",
        0,
        json!({"GeoMatchStatement": {"CountryCodes": ["SE"]}}),
    );
    counted["Action"] = json!({"Count": {}});
    let compiled = compile_in(&acl(vec![counted, rule("label", 1, label)]), &environment).unwrap();
    let decision = Sample::get("/").from("192.0.2.1").decide(&compiled);
    assert_eq!(
        decision.labels,
        [
            "awswaf:clientip:geo:country:NO",
            "awswaf:clientip:geo:region:NO-03"
        ]
    );
    assert!(!decision.verdict.passes() && !Sample::get("/").from("203.0.113.1").blocked(&compiled));
    let same_rule = compile_in(
        &acl(vec![rule(
            "both",
            0,
            json!({"AndStatement": {"Statements": [geo.clone(),
        {"LabelMatchStatement": {"Scope": "NAMESPACE", "Key": "awswaf:clientip:geo:country:"}}]}}),
        )]),
        &environment,
    )
    .unwrap();
    assert!(
        !Sample::get("/").from("192.0.2.1").blocked(&same_rule),
        "labels are for later rules"
    );
    let asn = compile_in(
        &acl(vec![rule(
            "asn",
            0,
            json!({"AsnMatchStatement": {"AsnList": [64500]}}),
        )]),
        &environment,
    )
    .unwrap();
    let decision = Sample::get("/").from("192.0.2.1").decide(&asn);
    assert!(!decision.verdict.passes() && decision.client_asn == Some(64_500));
    assert_eq!(
        compile(&acl(vec![rule("geo", 0, geo)])).unwrap_err().code(),
        "NotImplemented"
    );
}

#[test]
fn labels_match_by_their_end_or_namespace_in_their_context() {
    let labelled = |label: &str| {
        let mut first = rule("first", 0, contains(path(), "/"));
        first["Action"] = json!({"Count": {}});
        first["RuleLabels"] = json!([{"Name": label}]);
        first
    };
    let holds = |label: &str, scope: &str, key: &str| {
        let second = rule(
            "second",
            1,
            json!({"LabelMatchStatement": {"Scope": scope, "Key": key}}),
        );
        Sample::get("/").blocked(&compile(&acl(vec![labelled(label), second])).unwrap())
    };
    // The developer guide's examples.
    for label in [
        "header:encoding:utf8",
        "testNS1:testNS2:header:encoding:utf8",
    ] {
        assert!(holds(label, "LABEL", "header:encoding:utf8"));
    }
    assert!(
        !holds("header:encoding2:utf8", "LABEL", "header:encoding:utf8")
            && !holds("xheader:encoding:utf8", "LABEL", "header:encoding:utf8")
    );
    assert!(
        holds("a:b", "LABEL", "awswaf:111122223333:webacl:test:a:b")
            && !holds("a:b", "LABEL", "awswaf:444455556666:webacl:test:a:b")
    );
    assert!(
        holds("header:encoding:utf8", "NAMESPACE", "header:encoding:")
            && !holds("header:encoding2:utf8", "NAMESPACE", "header:encoding:")
    );
    assert!(
        holds("a:b:c", "NAMESPACE", "b:")
            && !holds("a:xb:c", "NAMESPACE", "b:")
            && !holds("a:b", "NAMESPACE", "b:")
    );
    assert!(holds(
        "a:b",
        "NAMESPACE",
        "awswaf:111122223333:webacl:test:"
    ));
}

#[test]
fn logic_combines_statements() {
    let yes = || contains(path(), "/");
    let no = || contains(path(), "nowhere");
    let all = |statements: Vec<Value>| json!({"AndStatement": {"Statements": statements}});
    let any = |statements: Vec<Value>| json!({"OrStatement": {"Statements": statements}});
    let not = |statement: Value| json!({"NotStatement": {"Statement": statement}});
    let holds = |statement| matches(statement, &Sample::get("/"));
    assert!(holds(all(vec![yes(), not(no())])) && !holds(all(vec![yes(), no()])));
    assert!(holds(any(vec![no(), yes()])) && !holds(any(vec![no(), not(yes())])));
    assert!(holds(not(all(vec![yes(), any(vec![no(), not(yes())])]))));
}

#[test]
fn sql_and_script_detection_is_refused_by_name_where_there_is_no_detector() {
    for name in ["SqliMatchStatement", "XssMatchStatement"] {
        let error = compile(&acl(vec![rule("r", 0, on(path(), name, json!({})))])).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            ("NotImplemented", format!("{name} is not implemented"))
        );
    }
}

fn rate(more: Value) -> Value {
    let mut statement = json!({"Limit": 10, "EvaluationWindowSec": 60, "AggregateKeyType": "IP"});
    statement
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"RateBasedStatement": statement})
}

/// How many of the requests, at their times in milliseconds, were blocked.
fn blocked_of(statement: Value, requests: impl IntoIterator<Item = (u64, Sample)>) -> usize {
    let mut limiting = rule("rate", 0, statement);
    limiting["RuleLabels"] = json!([{"Name": "limited"}]);
    let compiled = compile(&acl(vec![limiting])).unwrap();
    let counters = compiled.counters();
    let blocked = |(now_ms, sample): (u64, Sample)| {
        let moment = Moment {
            now_ms,
            ..Moment::default()
        };
        let decision =
            sample.ask(|request| compiled.inspect(request, &moment, &counters, &Bump::new()));
        assert_eq!(
            decision.labels.is_empty(),
            decision.verdict.passes(),
            "a rate rule labels only while limiting"
        );
        !decision.verdict.passes()
    };
    requests
        .into_iter()
        .filter(|request| blocked(request.clone()))
        .count()
}

#[test]
fn the_request_after_the_limit_is_blocked() {
    let many = |count: u64, from: &'static str| {
        (0..count).map(move |number| (number, Sample::get("/").from(from)))
    };
    assert_eq!(blocked_of(rate(json!({})), many(10, "192.0.2.1")), 0);
    assert_eq!(blocked_of(rate(json!({})), many(13, "192.0.2.1")), 3);
    assert_eq!(
        blocked_of(
            rate(json!({})),
            many(10, "192.0.2.1").chain(many(10, "192.0.2.2"))
        ),
        0
    );
    assert_eq!(
        blocked_of(
            rate(json!({})),
            (0..30).map(|number| (number * 6_001, Sample::get("/")))
        ),
        0
    );
}

#[test]
fn requests_are_counted_by_their_keys() {
    let keyed = |keys: Value| rate(json!({"AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": keys}));
    let chain = json!([{"Priority": 0, "Type": "LOWERCASE"}]);
    let fifteen = |sample: Sample| (0..15).map(move |number| (number, sample.clone()));
    let header = keyed(
        json!([{"Header": {"Name": "X-Key", "TextTransformations": chain}}, {"HTTPMethod": {}}]),
    );
    assert_eq!(
        blocked_of(header.clone(), fifteen(Sample::get("/"))),
        0,
        "without the header nothing is counted"
    );
    assert_eq!(
        blocked_of(
            header.clone(),
            fifteen(Sample::get("/").header("x-key", "a"))
        ),
        5
    );
    let mixed = (0..15).map(|number| {
        (
            number,
            Sample::get("/").header("x-key", if number % 2 == 0 { "a" } else { "A" }),
        )
    });
    assert_eq!(
        blocked_of(header, mixed),
        5,
        "transformed before they are compared"
    );
    let by_path = keyed(
        json!([{"UriPath": {"TextTransformations": chain}}, {"QueryArgument": {"Name": "q", "TextTransformations": chain}}]),
    );
    assert_eq!(
        blocked_of(
            by_path,
            (0..15).map(|number| (number, Sample::get(&format!("/{}?q=1", number % 2))))
        ),
        0
    );
    let scope = rate(
        json!({"AggregateKeyType": "CONSTANT", "ScopeDownStatement": contains(path(), "login")}),
    );
    let logins = (0..24).map(|number| {
        (
            number,
            Sample::get(if number % 2 == 0 { "/login" } else { "/" })
                .from(&format!("192.0.2.{number}")),
        )
    });
    assert_eq!(blocked_of(scope, logins), 2);
}

#[test]
fn forwarded_addresses_are_counted_or_fall_back() {
    let statement = |fallback: &str| {
        rate(
            json!({"AggregateKeyType": "FORWARDED_IP", "ForwardedIPConfig": {"HeaderName": "X-Real", "FallbackBehavior": fallback}}),
        )
    };
    let fifteen = |value: Option<&'static str>| {
        (0..15).map(move |number| {
            (
                number,
                value.map_or(Sample::get("/"), |value| {
                    Sample::get("/").header("X-Real", value)
                }),
            )
        })
    };
    assert_eq!(
        blocked_of(statement("NO_MATCH"), fifteen(Some("203.0.113.9, 1.1.1.1"))),
        5
    );
    assert_eq!(blocked_of(statement("MATCH"), fifteen(Some("nobody"))), 15);
    assert_eq!(
        blocked_of(statement("NO_MATCH"), fifteen(Some("nobody"))),
        0
    );
    assert_eq!(blocked_of(statement("MATCH"), fifteen(None)), 0);
}

/// Finds a word, and says more than there is of its end.
#[derive(Debug)]
struct Word(&'static str);

impl Detector for Word {
    fn name(&self) -> &str {
        "word"
    }

    fn find(&self, value: &[u8]) -> Option<Detection> {
        let at = value
            .windows(self.0.len())
            .position(|window| window == self.0.as_bytes())?;
        Some(Detection {
            bytes: at..usize::MAX,
            reason: "the word",
        })
    }
}

#[test]
fn detectors_are_asked_by_sensitivity_and_their_reason_is_told() {
    let detector = |word| Some(Arc::new(Word(word)) as Arc<dyn Detector>);
    let environment = Environment {
        sqli_low: detector("low"),
        sqli_high: detector("high"),
        xss: detector("xss"),
        ..Environment::default()
    };
    let sqli = |level: &str| {
        on(
            path(),
            "SqliMatchStatement",
            json!({"SensitivityLevel": level}),
        )
    };
    let holds = |statement: Value, uri: &str| {
        Sample::get(uri)
            .blocked(&compile_in(&acl(vec![rule("r", 0, statement)]), &environment).unwrap())
    };
    assert!(
        holds(sqli("LOW"), "/low") && !holds(sqli("LOW"), "/high") && holds(sqli("HIGH"), "/high")
    );
    assert!(
        holds(on(path(), "SqliMatchStatement", json!({})), "/low"),
        "LOW is the default"
    );
    let compiled = compile_in(
        &acl(vec![rule(
            "r",
            0,
            on(path(), "XssMatchStatement", json!({})),
        )]),
        &environment,
    )
    .unwrap();
    assert_eq!(compiled.capacity(), 40);
    let (_, explanation) = Sample::get("/a-xss!").explain(&compiled);
    let found = explanation.rules[0].reason.found.as_ref().unwrap();
    assert_eq!(
        (found.bytes, found.text.as_str(), found.reason),
        ((3, 7), "xss!", Some("the word"))
    );
}
