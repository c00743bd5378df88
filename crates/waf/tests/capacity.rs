//! Capacity units, by the developer guide's numbers.

mod common;

use common::{acl, b64, compile, on, rule, transformed};
use serde_json::{Value, json};

fn of(rules: Vec<Value>) -> u64 {
    compile(&acl(rules)).unwrap().capacity()
}

fn one(statement: Value) -> u64 {
    of(vec![rule("r", 0, statement)])
}

fn path() -> Value {
    json!({"UriPath": {}})
}

fn bytes(field: Value, position: &str, chain: &[&str]) -> Value {
    transformed(
        field,
        chain,
        "ByteMatchStatement",
        json!({"SearchString": b64("a"), "PositionalConstraint": position}),
    )
}

#[test]
fn statements_cost_their_base() {
    for (position, units) in [
        ("EXACTLY", 2),
        ("STARTS_WITH", 2),
        ("ENDS_WITH", 2),
        ("CONTAINS", 10),
        ("CONTAINS_WORD", 10),
    ] {
        assert_eq!(one(bytes(path(), position, &["NONE"])), units);
    }
    assert_eq!(
        one(on(
            path(),
            "SizeConstraintStatement",
            json!({"ComparisonOperator": "GT", "Size": 1})
        )),
        1
    );
    assert_eq!(
        one(on(
            path(),
            "RegexMatchStatement",
            json!({"RegexString": "a"})
        )),
        3
    );
    assert_eq!(
        one(json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a"}})),
        1
    );
    let rate = |more: Value| {
        let mut rate = json!({"Limit": 10, "AggregateKeyType": "IP"});
        rate.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        one(json!({"RateBasedStatement": rate}))
    };
    assert_eq!(rate(json!({})), 2);
    assert_eq!(
        rate(json!({"ScopeDownStatement": bytes(path(), "CONTAINS", &["NONE"])})),
        12
    );
    assert_eq!(
        rate(
            json!({"AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [{"IP": {}}, {"HTTPMethod": {}}]})
        ),
        62
    );
}

#[test]
fn fields_and_transformations_add_to_it() {
    assert_eq!(
        one(bytes(
            json!({"AllQueryArguments": {}}),
            "EXACTLY",
            &["NONE"]
        )),
        12
    );
    let json_body = json!({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL"}});
    assert_eq!(one(bytes(json_body, "CONTAINS", &["NONE"])), 20);
    assert_eq!(
        one(bytes(path(), "EXACTLY", &["URL_DECODE", "LOWERCASE"])),
        22
    );
}

#[test]
fn a_transformation_of_a_field_counts_once() {
    let rules = vec![
        rule("a", 0, bytes(path(), "EXACTLY", &["URL_DECODE"])),
        rule(
            "b",
            1,
            bytes(path(), "EXACTLY", &["URL_DECODE", "LOWERCASE"]),
        ),
        rule(
            "c",
            2,
            bytes(json!({"QueryString": {}}), "EXACTLY", &["URL_DECODE"]),
        ),
    ];
    assert_eq!(of(rules), 3 * 2 + 3 * 10);
}

#[test]
fn five_labels_cost_one() {
    let labelled = |count: usize| {
        let mut rule = rule("r", 0, bytes(path(), "EXACTLY", &["NONE"]));
        rule["RuleLabels"] = (0..count)
            .map(|number| json!({"Name": format!("l{number}")}))
            .collect();
        of(vec![rule])
    };
    assert_eq!(
        (labelled(0), labelled(4), labelled(5), labelled(11)),
        (2, 2, 3, 4)
    );
}
