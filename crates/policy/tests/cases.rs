//! `policy eval`: what a case is, what is printed, what is refused.

use palisade_policy::cli::{Format, eval_case};
use serde_json::{Value, json};

const CASE: &str = include_str!("data/case.json");

fn case() -> Value {
    serde_json::from_str(CASE).unwrap()
}

fn eval(case: &Value) -> Value {
    let text = eval_case(case.to_string().as_bytes(), Format::Json).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn refused(case: &Value) -> &'static str {
    eval_case(case.to_string().as_bytes(), Format::Json)
        .unwrap_err()
        .0
        .code
        .as_str()
}

#[test]
fn a_decision_names_statements_elements_and_what_they_saw() {
    let out = eval(&case());
    assert_eq!(
        (out["decision"].as_str(), out["reason"].as_str()),
        (Some("Deny"), Some("implicit:session"))
    );
    let message = out["message"].as_str().unwrap();
    assert!(
        message.ends_with("because no session policy allows the s3:GetObject action"),
        "{message}"
    );
    let session = out["statements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["layer"] == "session")
        .unwrap();
    assert_eq!(
        session["failed"],
        json!([{"element": "Action", "expected": ["s3:PutObject"], "excludes": false, "saw": "\"s3:GetObject\"", "note": null}])
    );
    assert_eq!(session["applies"], false);
    let other = out["other_outcome"][0].as_str().unwrap();
    assert!(other.starts_with("session policies must allow s3:GetObject on arn:aws:s3:::docs/a; nearest is session[0] statement 0"), "{other}");
}

#[test]
fn an_allow_names_one_statement_of_each_layer_that_had_to() {
    let mut case = case();
    case["policies"]["session"][0]["Statement"]["Action"] = json!("s3:*");
    let out = eval(&case);
    assert_eq!(out["reason"], "allow");
    assert_eq!(out["message"], Value::Null);
    let layers: Vec<&str> = out["deciding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["policy"].as_str().unwrap())
        .collect();
    assert_eq!(layers, ["scp[0][0]", "identity[0]", "session[0]"]);
    let other = out["other_outcome"].to_string();
    assert!(
        other.contains(
            "without identity[0] statement 0 (Read) it would be denied (implicit:identity)"
        ),
        "{other}"
    );
}

#[test]
fn an_explicit_deny_tells_all_that_stands_in_the_way() {
    let mut case = case();
    case["request"]["context"]["aws:PrincipalOrgID"] = json!("o-other");
    let out = eval(&case);
    assert_eq!(out["reason"], "explicit:rcp");
    assert_eq!(out["deciding"][0]["policy"], "rcp[0][0]");
    let other: Vec<&str> = out["other_outcome"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap())
        .collect();
    assert_eq!(other[0], "rcp[0][0] statement 0 must not apply: it denies");
    assert!(
        other[1].starts_with("session policies must allow"),
        "{other:?}"
    );
}

#[test]
fn text_says_the_same() {
    let text = eval_case(CASE.as_bytes(), Format::Text).unwrap();
    assert!(text.starts_with("Deny: implicit:session\nUser: arn:aws:sts::111122223333:assumed-role/app/s1 is not authorized"), "{text}");
    assert!(text.contains("  session[0] statement 0 Allow: does not apply\n      Action: wants \"s3:PutObject\", saw \"s3:GetObject\"\n"), "{text}");
}

#[test]
fn every_kind_of_principal_is_read() {
    for (principal, reason) in [
        (
            json!({"kind": "user", "arn": "arn:aws:iam::111122223333:user/ann"}),
            "allow",
        ),
        (
            json!({"kind": "federated-user", "arn": "arn:aws:sts::111122223333:federated-user/f", "user": "arn:aws:iam::111122223333:user/ann"}),
            "implicit:session",
        ),
        (
            json!({"kind": "root", "arn": "arn:aws:iam::111122223333:root"}),
            "allow",
        ),
        (
            json!({"kind": "service", "service": "ec2.amazonaws.com"}),
            "implicit:resource",
        ),
        (
            json!({"kind": "federated", "provider": "accounts.google.com"}),
            "implicit:resource",
        ),
        (json!({"kind": "anonymous"}), "implicit:resource"),
    ] {
        let mut case = case();
        case["request"]["principal"] = principal.clone();
        let policies = case["policies"].as_object_mut().unwrap();
        policies.remove("session");
        policies.remove("rcp");
        assert_eq!(eval(&case)["reason"], reason, "{principal}");
    }
}

#[test]
fn layers_that_do_not_speak_are_named_with_the_reason() {
    let mut case = case();
    case["organization"]["management_account"] = json!("111122223333");
    let out = eval(&case);
    let layers: Vec<&str> = out["exempt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["layer"].as_str().unwrap())
        .collect();
    assert_eq!(layers, ["rcp", "scp"]);
}

#[test]
fn an_organization_may_list_its_accounts() {
    let mut case = case();
    case["policies"]["session"] = Value::Null;
    assert_eq!(eval(&case)["reason"], "allow");
    case["organization"]["accounts"] = json!(["444455556666"]);
    assert_eq!(
        eval(&case)["reason"],
        "explicit:rcp",
        "the principal is then a stranger"
    );
    case["organization"]["accounts"] = json!(["111122223333"]);
    assert_eq!(eval(&case)["reason"], "allow");
}

#[test]
fn what_is_no_case_is_refused_with_a_code() {
    let with = |path: &[&str], value: Value| {
        let mut case = case();
        let (last, before) = path.split_last().unwrap();
        before.iter().fold(&mut case, |node, name| &mut node[*name])[*last] = value;
        refused(&case)
    };
    assert_eq!(refused(&json!([])), "WRONG_TYPE");
    assert_eq!(refused(&json!({})), "CASE_MEMBER");
    assert_eq!(with(&["request", "action"], Value::Null), "CASE_MEMBER");
    assert_eq!(
        with(&["request", "action"], json!("GetObject")),
        "CASE_MEMBER"
    );
    assert_eq!(with(&["request", "resources"], json!("*")), "CASE_MEMBER");
    assert_eq!(
        with(&["request", "principal", "kind"], json!("group")),
        "CASE_PRINCIPAL"
    );
    assert_eq!(
        with(&["request", "principal", "kind"], json!("user")),
        "CASE_MEMBER"
    );
    assert_eq!(
        with(
            &["request", "principal", "arn"],
            json!("arn:aws:iam::1:user/x")
        ),
        "CASE_PRINCIPAL"
    );
    assert_eq!(
        with(&["request", "context", "k:k"], json!({})),
        "WRONG_TYPE"
    );
    assert_eq!(
        with(&["request", "context", "AWS:sourceip"], json!("1.1.1.1")),
        "JSON_DUPLICATE_KEY"
    );
    assert_eq!(with(&["policies", "identitiy"], json!([])), "CASE_MEMBER");
    assert_eq!(
        with(&["policies", "identity"], json!([{"Statement": {}}])),
        "MISSING_EFFECT"
    );
    assert_eq!(
        with(
            &["policies", "boundary"],
            json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}})
        ),
        "PRINCIPAL_FORBIDDEN"
    );
    assert_eq!(with(&["policies", "scp"], json!({})), "WRONG_TYPE");
    assert_eq!(with(&["organization"], json!({})), "CASE_MEMBER");
    assert_eq!(
        eval_case(b"{", Format::Json).unwrap_err().0.code.as_str(),
        "JSON_SYNTAX"
    );
    assert_eq!(
        eval_case(b"\xff", Format::Json)
            .unwrap_err()
            .0
            .code
            .as_str(),
        "NOT_UTF8"
    );
}

#[test]
fn other_members_beside_the_case_may_stand() {
    let mut case = case();
    case["title"] = json!("a title");
    assert_eq!(eval(&case)["decision"], "Deny");
}
