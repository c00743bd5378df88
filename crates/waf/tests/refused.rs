//! What is refused, and how it is said.

mod common;

use common::{acl, b64, compile, contains, on, rule, transformed, visibility};
use palisade_waf::{Document, Error};
use serde_json::{Value, json};

fn path() -> Value {
    json!({"UriPath": {}})
}

fn refused(rules: Vec<Value>) -> Error {
    compile(&acl(rules)).unwrap_err()
}

/// The field, parameter and reason of an invalid parameter.
fn invalid(statement: Value) -> (&'static str, String, String) {
    match refused(vec![rule("r", 0, statement.clone())]) {
        Error::Invalid(invalid) => (invalid.field, invalid.parameter, invalid.reason),
        other => panic!("{statement}: {other:?}"),
    }
}

#[test]
fn a_statement_has_exactly_one_member() {
    let text = "Error reason: You have used none or multiple values for a field that requires exactly one value., field: STATEMENT, parameter: Rules[0].Statement";
    assert_eq!(refused(vec![rule("r", 0, json!({}))]).to_string(), text);
    let mut two = contains(path(), "a");
    two["GeoMatchStatement"] = json!({"CountryCodes": ["NO"]});
    assert_eq!(refused(vec![rule("r", 0, two)]).to_string(), text);
}

#[test]
fn every_wrong_value_is_named_with_its_place() {
    let bytes = |more: Value| on(path(), "ByteMatchStatement", more);
    let cases = [
        (
            bytes(json!({"SearchString": "BadBot!", "PositionalConstraint": "CONTAINS"})),
            "BYTE_MATCH_STATEMENT",
            "Rules[0].Statement.ByteMatchStatement.SearchString",
        ),
        (
            bytes(json!({"SearchString": b64([b'a'; 201]), "PositionalConstraint": "CONTAINS"})),
            "BYTE_MATCH_STATEMENT",
            "Rules[0].Statement.ByteMatchStatement.SearchString",
        ),
        (
            bytes(json!({"SearchString": b64("a b"), "PositionalConstraint": "CONTAINS_WORD"})),
            "BYTE_MATCH_STATEMENT",
            "Rules[0].Statement.ByteMatchStatement.SearchString",
        ),
        (
            bytes(json!({"SearchString": b64("a"), "PositionalConstraint": "IN"})),
            "BYTE_MATCH_STATEMENT",
            "Rules[0].Statement.ByteMatchStatement.PositionalConstraint",
        ),
        (
            on(
                json!({"UriPath": {}, "Method": {}}),
                "XssMatchStatement",
                json!({}),
            ),
            "FIELD_TO_MATCH",
            "Rules[0].Statement.XssMatchStatement.FieldToMatch",
        ),
        (
            on(
                json!({"JA3Fingerprint": {"FallbackBehavior": "MATCH"}}),
                "SqliMatchStatement",
                json!({}),
            ),
            "SQLI_MATCH_STATEMENT",
            "Rules[0].Statement.SqliMatchStatement.FieldToMatch",
        ),
        (
            transformed(path(), &["SHOUT"], "XssMatchStatement", json!({})),
            "TEXT_TRANSFORMATION",
            "Rules[0].Statement.XssMatchStatement.TextTransformations[0].Type",
        ),
        (
            transformed(path(), &["NONE"; 11], "XssMatchStatement", json!({})),
            "XSS_MATCH_STATEMENT",
            "Rules[0].Statement.XssMatchStatement.TextTransformations",
        ),
        (
            on(
                path(),
                "RegexMatchStatement",
                json!({"RegexString": "(a)\\1"}),
            ),
            "STATEMENT",
            "Rules[0].Statement.RegexMatchStatement.RegexString",
        ),
        (
            json!({"GeoMatchStatement": {"CountryCodes": ["XX"]}}),
            "GEO_MATCH_STATEMENT",
            "Rules[0].Statement.GeoMatchStatement.CountryCodes",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 9, "AggregateKeyType": "IP"}}),
            "RATE_BASED_STATEMENT",
            "Rules[0].Statement.RateBasedStatement.Limit",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "CONSTANT"}}),
            "RATE_BASED_STATEMENT",
            "Rules[0].Statement.RateBasedStatement.ScopeDownStatement",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 90}}),
            "RATE_BASED_STATEMENT",
            "Rules[0].Statement.RateBasedStatement.EvaluationWindowSec",
        ),
        (
            json!({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [{"IP": {}}]}}),
            "CUSTOM_KEYS",
            "Rules[0].Statement.RateBasedStatement.CustomKeys",
        ),
        (
            json!({"AndStatement": {"Statements": [contains(path(), "a")]}}),
            "AND_STATEMENT",
            "Rules[0].Statement.AndStatement.Statements",
        ),
        (
            json!({"NotStatement": {"Statement": {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}}}}),
            "STATEMENT",
            "Rules[0].Statement.NotStatement.Statement",
        ),
        (
            json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a b"}}),
            "LABEL_MATCH_STATEMENT",
            "Rules[0].Statement.LabelMatchStatement.Key",
        ),
    ];
    for (statement, field, parameter) in cases {
        let (have_field, have_parameter, reason) = invalid(statement.clone());
        assert_eq!(
            (have_field, have_parameter.as_str()),
            (field, parameter),
            "{statement}: {reason}"
        );
    }
}

#[test]
fn unknown_members_are_refused() {
    let (field, _, reason) = invalid(on(
        path(),
        "XssMatchStatement",
        json!({"Sensitivity": "HIGH"}),
    ));
    assert_eq!(
        (field, reason.as_str()),
        ("XSS_MATCH_STATEMENT", "Unknown member Sensitivity.")
    );
}

#[test]
fn pre_parse_transformations_are_for_arguments_only() {
    let statement = on(
        path(),
        "RegexMatchStatement",
        json!({"RegexString": "a", "PreParseTextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]}),
    );
    assert_eq!(invalid(statement).0, "PRE_PARSE_TEXT_TRANSFORMATION");
}

#[test]
fn nesting_is_bounded() {
    let nested = (0..40).fold(
        contains(path(), "a"),
        |inner, _| json!({"NotStatement": {"Statement": inner}}),
    );
    assert_eq!(
        invalid(nested).2,
        "Statements are nested more than 32 deep."
    );
}

#[test]
fn rules_have_their_own_priorities_names_and_one_action() {
    let same_priority = refused(vec![
        rule("a", 1, contains(path(), "a")),
        rule("b", 1, contains(path(), "a")),
    ]);
    assert_eq!(same_priority.code(), "WAFInvalidParameterException");
    let same_name = refused(vec![
        rule("a", 1, contains(path(), "a")),
        rule("a", 2, contains(path(), "a")),
    ]);
    assert_eq!(same_name.code(), "WAFDuplicateItemException");
    let mut both = rule("a", 1, contains(path(), "a"));
    both["OverrideAction"] = json!({"None": {}});
    assert_eq!(refused(vec![both]).code(), "WAFInvalidParameterException");
    let mut reserved = rule("a", 1, contains(path(), "a"));
    reserved["RuleLabels"] = json!([{"Name": "x:aws:y"}]);
    assert_eq!(
        refused(vec![reserved]).code(),
        "WAFInvalidParameterException"
    );
    let mut code = rule("a", 1, contains(path(), "a"));
    code["Action"] = json!({"Block": {"CustomResponse": {"ResponseCode": 418}}});
    assert_eq!(refused(vec![code]).code(), "WAFInvalidParameterException");
    let mut monetize = rule("a", 1, contains(path(), "a"));
    monetize["Action"] = json!({"Monetize": {"PriceMultiplier": "1"}});
    assert_eq!(
        refused(vec![monetize]).to_string(),
        "the action Monetize is not implemented"
    );
}

#[test]
fn quotas_are_kept() {
    let rate = |number: u32| {
        rule(
            &format!("r{number}"),
            number,
            json!({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}}),
        )
    };
    assert!(compile(&acl((0..10).map(rate).collect())).is_ok());
    assert_eq!(
        refused((0..11).map(rate).collect()).code(),
        "WAFLimitsExceededException"
    );
    let heavy = |number: u32| {
        rule(
            &format!("r{number}"),
            number,
            contains(json!({"SingleHeader": {"Name": format!("h{number}")}}), "a"),
        )
    };
    assert!(compile(&acl((0..500).map(heavy).collect())).is_ok());
    assert_eq!(
        refused((0..501).map(heavy).collect()).to_string(),
        "Capacity units of the web ACL: 5010, at most 5000."
    );
    let arn = "arn:aws:wafv2:eu-west-1:111122223333:regional/rulegroup/g/1";
    let group = json!({"Name": "g", "ARN": arn, "Capacity": 5, "VisibilityConfig": visibility(), "Rules": [rule("a", 0, contains(path(), "a"))]});
    let over = compile(&json!({"WebACL": acl(vec![]), "RuleGroups": [group]})).unwrap_err();
    assert_eq!(over.to_string(), "Capacity units of g: 10, at most 5.");
}

#[test]
fn addresses_are_networks_of_their_version() {
    for address in [
        "10.0.0.1",
        "10.0.0.0/0",
        "10.0.0.0/33",
        "2001:db8::/32",
        "x/8",
    ] {
        let set = json!({"Name": "s", "ARN": "arn:aws:wafv2:::s", "IPAddressVersion": "IPV4", "Addresses": [address]});
        let error = Document::parse(set.to_string().as_bytes()).unwrap_err();
        assert!(
            matches!(error, Error::Invalid(ref invalid) if invalid.field == "IP_ADDRESS" && invalid.parameter == "Addresses[0]"),
            "{address}: {error}"
        );
    }
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "{", "[]", "{}", "null", r#"{"Name": "x"}"#] {
        assert!(
            matches!(
                Document::parse(text.as_bytes()),
                Err(Error::NotADocument(_))
            ),
            "{text}"
        );
    }
}

#[test]
fn expressions_are_bounded_together() {
    let large = |number: u32| {
        let pattern = format!("[a-m{number}]{{900}}.{{900}}x{number}");
        rule(
            &format!("r{number}"),
            number,
            on(
                path(),
                "RegexMatchStatement",
                json!({"RegexString": pattern}),
            ),
        )
    };
    assert!(compile(&acl((0..3).map(large).collect())).is_ok());
    let error = refused((0..900).map(large).collect());
    assert_eq!(
        error.to_string(),
        "The regular expressions of the web ACL are too large together."
    );
}
