//! Every operator, with its Not form, its missing key, its qualifiers and its values of the wrong type.

mod common;
use common::{Case, statement};
use palisade_policy::ContextValue;

/// Does a condition hold? `context` is what the request has for the key `k:k`, if anything.
fn holds(operator: &str, values: &str, context: Option<ContextValue>) -> bool {
    holds_in("2012-10-17", operator, values, context)
}

fn holds_in(version: &str, operator: &str, values: &str, context: Option<ContextValue>) -> bool {
    let policy = statement(&format!(
        r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{{"{operator}":{{"k:k":{values}}}}}"#
    ));
    let mut case = Case::user().identity(&policy.replace("2012-10-17", version));
    if let Some(value) = context {
        case = case.with("K:K", value);
    }
    match case.reason("s3:GetObject", "*").as_str() {
        "allow" => true,
        "implicit:identity" => false,
        other => panic!("{other}"),
    }
}

fn one(value: &str) -> Option<ContextValue> {
    Some(value.into())
}

fn many(values: &[&str]) -> Option<ContextValue> {
    Some(ContextValue::Many(
        values.iter().map(|value| (*value).to_owned()).collect(),
    ))
}

/// Positive operator, its negation if it has one, policy values, a request value that matches, one that does not.
const TABLE: &[(&str, Option<&str>, &str, &str, &str)] = &[
    (
        "StringEquals",
        Some("StringNotEquals"),
        r#"["x","Ann"]"#,
        "Ann",
        "ann",
    ),
    (
        "StringEquals",
        Some("StringNotEquals"),
        r#""a*""#,
        "a*",
        "ab",
    ),
    ("StringEquals", Some("StringNotEquals"), r#""""#, "", "x"),
    (
        "StringEqualsIgnoreCase",
        Some("StringNotEqualsIgnoreCase"),
        r#""ÄNN""#,
        "änn",
        "ann",
    ),
    (
        "StringLike",
        Some("StringNotLike"),
        r#"["x","a*n?"]"#,
        "abcnd",
        "Abcnd",
    ),
    (
        "NumericEquals",
        Some("NumericNotEquals"),
        r#"[7,"10"]"#,
        "10.0",
        "11",
    ),
    (
        "NumericEquals",
        Some("NumericNotEquals"),
        r#""10""#,
        "10",
        "ten",
    ),
    ("NumericLessThan", None, r#""10""#, "9.99", "10"),
    ("NumericLessThanEquals", None, r#""10""#, "10", "10.01"),
    ("NumericGreaterThan", None, r#""-1.5""#, "-1", "-2"),
    ("NumericGreaterThanEquals", None, r#"5"#, "5", "4"),
    ("NumericLessThan", None, r#"["1","10"]"#, "5", "10"),
    (
        "DateEquals",
        Some("DateNotEquals"),
        r#""2023-11-14T22:13:20Z""#,
        "1700000000",
        "1700000001",
    ),
    (
        "DateLessThan",
        None,
        r#""2023-11-14T22:13:20Z""#,
        "2023-11-14T23:13:19+01:00",
        "2023-11-14T22:13:20Z",
    ),
    (
        "DateLessThanEquals",
        None,
        r#"1700000000"#,
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.5Z",
    ),
    (
        "DateGreaterThan",
        None,
        r#""2023""#,
        "2023-01-01T00:00:01Z",
        "2023-01-01",
    ),
    (
        "DateGreaterThanEquals",
        None,
        r#""2023-06""#,
        "2023-06-01",
        "2023-05-31T23:59:59Z",
    ),
    (
        "DateEquals",
        Some("DateNotEquals"),
        r#""2023""#,
        "2023-01-01",
        "yesterday",
    ),
    ("Bool", None, r#"true"#, "true", "false"),
    ("Bool", None, r#""False""#, "false", "0"),
    (
        "BinaryEquals",
        None,
        r#""QmluYXJ5VmFsdWVJbkJhc2U2NA==""#,
        "QmluYXJ5VmFsdWVJbkJhc2U2NA==",
        "Qmlu",
    ),
    ("BinaryEquals", None, r#""QQ==""#, "QQ==", "not base64"),
    (
        "IpAddress",
        Some("NotIpAddress"),
        r#"["203.0.113.0/24","2001:DB8:1234:5678::/64"]"#,
        "203.0.113.7",
        "203.0.114.7",
    ),
    (
        "IpAddress",
        Some("NotIpAddress"),
        r#"["203.0.113.0/24","2001:DB8:1234:5678::/64"]"#,
        "2001:db8:1234:5678::9",
        "2001:db8::9",
    ),
    (
        "IpAddress",
        Some("NotIpAddress"),
        r#""203.0.113.7""#,
        "203.0.113.7",
        "not an address",
    ),
    (
        "ArnEquals",
        Some("ArnNotEquals"),
        r#""arn:aws:sns:*:111122223333:t?pic""#,
        "arn:aws:sns:us-east-1:111122223333:topic",
        "arn:aws:sns:us-east-1:111122223333:Topic",
    ),
    (
        "ArnLike",
        Some("ArnNotLike"),
        r#""arn:aws:s3:::b/*""#,
        "arn:aws:s3:::b/x:y/z",
        "arn:aws:s3:::c/x",
    ),
    (
        "ArnLike",
        Some("ArnNotLike"),
        r#""arn:aws:someservice:*:111122223333:finance/*""#,
        "arn:aws:someservice:e:111122223333:finance/d",
        "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
    ),
    (
        "ArnLike",
        Some("ArnNotLike"),
        r#""*""#,
        "arn:aws:s3:::b",
        "\u{0}absent",
    ),
];

#[test]
fn every_operator_matches_what_it_should_and_its_negation_is_its_opposite() {
    for (operator, negation, values, matching, other) in TABLE {
        assert!(
            holds(operator, values, one(matching)),
            "{operator} {values} {matching}"
        );
        let differs = *other != "\u{0}absent";
        assert!(
            !differs || !holds(operator, values, one(other)),
            "{operator} {values} {other}"
        );
        if let Some(negation) = negation {
            assert!(
                !holds(negation, values, one(matching)),
                "{negation} {values} {matching}"
            );
            assert!(
                !differs || holds(negation, values, one(other)),
                "{negation} {values} {other}"
            );
        }
    }
}

#[test]
fn a_missing_key_makes_operators_false_and_their_negations_true() {
    for (operator, negation, values, ..) in TABLE {
        assert!(!holds(operator, values, None), "{operator}");
        assert!(
            negation.is_none_or(|negation| holds(negation, values, None)),
            "{negation:?}"
        );
    }
}

#[test]
fn if_exists_is_true_on_a_missing_key_and_the_operator_itself_otherwise() {
    for (operator, negation, values, matching, _) in TABLE {
        let if_exists = format!("{operator}IfExists");
        assert!(holds(&if_exists, values, None), "{if_exists}");
        assert!(holds(&if_exists, values, one(matching)), "{if_exists}");
        assert!(
            !holds(&if_exists, values, one("\u{1}")) || *values == "\"*\"",
            "{if_exists}"
        );
        if let Some(negation) = negation {
            assert!(
                holds(&format!("{negation}IfExists"), values, None),
                "{negation}IfExists"
            );
            assert!(
                !holds(&format!("{negation}IfExists"), values, one(matching)),
                "{negation}IfExists"
            );
        }
    }
}

#[test]
fn null_tests_presence_not_emptiness() {
    assert!(holds("Null", "true", None) && !holds("Null", "false", None));
    for present in [one("x"), one(""), many(&["a", "b"]), many(&[])] {
        assert!(
            !holds("Null", r#""true""#, present.clone()) && holds("Null", r#""false""#, present)
        );
    }
    assert!(holds("Null", "[true,false]", None) && holds("Null", "[true,false]", one("x")));
}

#[test]
fn for_all_values_wants_every_value_and_is_true_of_none() {
    let all = |context| holds("ForAllValues:StringEquals", r#"["a","b"]"#, context);
    assert!(all(many(&["a", "b"])) && all(many(&["a"])) && all(one("b")));
    assert!(!all(many(&["a", "c"])) && !all(one("c")));
    assert!(all(None) && all(many(&[])), "none");
    assert!(all(one("")) && all(many(&["", ""])), "a null data set");
    assert!(!all(many(&["", "a"])), "one of them has a value");
    assert!(holds("ForAllValues:StringEqualsIfExists", r#""a""#, None));
    let none_of = |context| holds("ForAllValues:StringNotEquals", r#"["a","b"]"#, context);
    assert!(none_of(many(&["c", "d"])) && none_of(None));
    assert!(!none_of(many(&["c", "a"])));
}

#[test]
fn for_any_value_wants_one_value_and_is_false_of_none() {
    let any = |context| holds("ForAnyValue:StringLike", r#"["a*","b"]"#, context);
    assert!(any(many(&["x", "ab"])) && any(one("b")));
    assert!(!any(many(&["x", "y"])) && !any(None) && !any(many(&[])) && !any(one("")));
    assert!(holds("ForAnyValue:StringLikeIfExists", r#""a""#, None));
    let other = |context| holds("ForAnyValue:StringNotEquals", r#"["a","b"]"#, context);
    assert!(other(many(&["a", "c"])) && !other(many(&["a", "b"])) && !other(None));
}

#[test]
fn qualifiers_go_with_every_type() {
    assert!(holds("ForAnyValue:NumericLessThan", "5", many(&["9", "4"])));
    assert!(!holds(
        "ForAllValues:NumericLessThan",
        "5",
        many(&["9", "4"])
    ));
    assert!(holds(
        "ForAnyValue:IpAddress",
        r#""10.0.0.0/8""#,
        many(&["1.1.1.1", "10.1.1.1"])
    ));
    assert!(!holds(
        "ForAllValues:ArnLike",
        r#""arn:aws:s3:::*""#,
        many(&["arn:aws:s3:::b", "arn:aws:sqs:::b"])
    ));
    assert!(holds("ForAllValues:Bool", "true", many(&["true", "TRUE"])));
    assert!(holds(
        "ForAnyValue:DateLessThan",
        r#""2020""#,
        many(&["2021", "2019"])
    ));
    assert!(holds(
        "ForAnyValue:BinaryEquals",
        r#""QQ==""#,
        many(&["Qg==", "QQ=="])
    ));
}

#[test]
fn several_values_without_a_qualifier_equal_nothing() {
    assert!(!holds("StringEquals", r#"["a","b"]"#, many(&["a", "b"])));
    assert!(holds("StringNotEquals", r#""c""#, many(&["a", "b"])));
    assert!(
        holds("StringEquals", r#""a""#, many(&["a"])),
        "a list of one is one value"
    );
}

#[test]
fn all_conditions_and_keys_must_hold() {
    let policy = |condition: &str| {
        statement(&format!(
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}"#
        ))
    };
    let case = |condition: &str| {
        Case::user()
            .identity(&policy(condition))
            .with("a:a", "1")
            .with("b:b", "2")
    };
    case(r#"{"StringEquals":{"a:a":"1","B:B":"2"},"NumericLessThan":{"a:a":"5"}}"#)
        .expect("s3:x", "*", "allow");
    case(r#"{"StringEquals":{"a:a":"1","b:b":"3"}}"#).expect("s3:x", "*", "implicit:identity");
    case(r#"{"StringEquals":{"a:a":"1"},"NumericLessThan":{"b:b":"1"}}"#).expect(
        "s3:x",
        "*",
        "implicit:identity",
    );
    case("{}").expect("s3:x", "*", "allow");
    case(r#"{"StringEquals":{"a:a":[]}}"#).expect("s3:x", "*", "implicit:identity");
}

#[test]
fn variables_are_replaced_in_string_and_arn_conditions_and_resources() {
    let policy = |resource: &str, condition: &str| {
        statement(&format!(
            r#""Effect":"Allow","Action":"*","Resource":"{resource}","Condition":{condition}"#
        ))
    };
    let user =
        |resource: &str, condition: &str| Case::user().identity(&policy(resource, condition));
    let go = |case: Case, expected: &str| {
        case.expect("s3:GetObject", "arn:aws:s3:::home/ann/x", expected)
    };
    go(user("arn:aws:s3:::home/${aws:username}/*", "{}"), "allow");
    go(user("arn:aws:s3:::home/${AWS:UserName}/*", "{}"), "allow");
    go(
        user("arn:aws:s3:::home/${aws:PrincipalTag/team}/*", "{}"),
        "implicit:identity",
    );
    go(
        user("arn:aws:s3:::home/${aws:PrincipalTag/team, 'ann'}/*", "{}"),
        "allow",
    );
    go(
        user("*", r#"{"StringEquals":{"k:k":"${aws:username}"}}"#).with("k:k", "ann"),
        "allow",
    );
    go(
        user("*", r#"{"StringLike":{"k:k":"${aws:username}-*"}}"#).with("k:k", "ann-1"),
        "allow",
    );
    go(
        user(
            "*",
            r#"{"StringEqualsIgnoreCase":{"k:k":"${aws:username}"}}"#,
        )
        .with("k:k", "ANN"),
        "allow",
    );
    go(
        user(
            "*",
            r#"{"ArnLike":{"k:k":"arn:aws:iam::${aws:PrincipalAccount}:user/*"}}"#,
        )
        .with("k:k", "arn:aws:iam::111122223333:user/x"),
        "allow",
    );
    go(
        user("*", r#"{"Bool":{"k:k":"${j:j}"}}"#)
            .with("k:k", "true")
            .with("j:j", "true"),
        "allow",
    );
    go(
        user("*", r#"{"NumericEquals":{"k:k":"${j:j}"}}"#)
            .with("k:k", "1")
            .with("j:j", "1"),
        "implicit:identity",
    );
    go(
        user("*", r#"{"StringLike":{"k:k":"${j:j}"}}"#)
            .with("k:k", "abc")
            .with("j:j", "a*"),
        "implicit:identity",
    );
}

#[test]
fn a_variable_without_a_value_matches_nothing_and_voids_a_not() {
    assert!(!holds(
        "StringEquals",
        r#""${aws:PrincipalTag/none}""#,
        one("")
    ));
    assert!(holds(
        "StringEquals",
        r#"["${aws:PrincipalTag/none}","b"]"#,
        one("b")
    ));
    assert!(!holds(
        "StringNotEquals",
        r#""${aws:PrincipalTag/none}""#,
        one("b")
    ));
    assert!(holds(
        "StringNotEquals",
        r#""${aws:PrincipalTag/none, 'a'}""#,
        one("b")
    ));
    assert!(holds("StringNotEquals", r#""${aws:username}""#, one("b")));
    let many_valued = Case::user()
        .with("k:k", "a")
        .with("j:j", ContextValue::Many(vec!["a".into(), "b".into()]));
    let policy = r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k:k":"${j:j}"}}"#;
    many_valued
        .identity(&statement(policy))
        .expect("s3:x", "*", "implicit:identity");
    let not_resource =
        r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::${aws:PrincipalTag/none}""#;
    Case::user().identity(&statement(not_resource)).expect(
        "s3:x",
        "arn:aws:s3:::b",
        "implicit:identity",
    );
}

#[test]
fn in_the_old_version_variables_are_literal_text() {
    assert!(holds_in(
        "2008-10-17",
        "StringEquals",
        r#""${aws:username}""#,
        one("${aws:username}")
    ));
    assert!(!holds_in(
        "2008-10-17",
        "StringEquals",
        r#""${aws:username}""#,
        one("ann")
    ));
    assert!(holds_in(
        "2008-10-17",
        "StringLike",
        r#""${*}""#,
        one("${anything}")
    ));
    assert!(!holds_in(
        "2012-10-17",
        "StringLike",
        r#""${*}""#,
        one("${anything}")
    ));
    assert!(holds_in(
        "2012-10-17",
        "StringLike",
        r#""a${*}b${?}c${$}*""#,
        one("a*b?c$d")
    ));
    assert!(holds_in(
        "2012-10-17",
        "StringEquals",
        r#""${*}""#,
        one("*")
    ));
}

#[test]
fn a_value_given_in_the_request_is_never_a_pattern() {
    assert!(!holds("StringLike", r#""abc""#, one("a*")));
    assert!(!holds("StringEquals", r#""ann""#, one("${aws:username}")));
}
