//! `policy check`: every code is found where it should be, and nothing is found in good policies.

use palisade_policy::cli::{Format, check};
use palisade_policy::{Code, Policy, PolicyKind, Severity};
use std::collections::HashSet;

use PolicyKind::{Identity, Rcp, Resource, Scp, Trust};

/// A policy of one statement, version 2012-10-17.
fn one(body: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{{body}}}}}"#)
}

fn codes(kind: PolicyKind, text: &str) -> Vec<&'static str> {
    let findings =
        Policy::parse_all(text).map_or_else(|findings| findings, |policy| policy.check(kind));
    findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}

const ALLOW: &str = r#""Effect":"Allow","Action":"s3:GetObject","Resource":"*""#;

/// Kind, statement, the codes found.
fn table() -> Vec<(PolicyKind, String, Vec<&'static str>)> {
    let own = |kind, body: &str, codes: &[&'static str]| (kind, one(body), codes.to_vec());
    let condition = |body: &str, codes: &[&'static str]| {
        (
            Identity,
            one(&format!(r#"{ALLOW},"Condition":{{{body}}}"#)),
            codes.to_vec(),
        )
    };
    let deny = r#""Effect":"Deny","Action":"s3:*","Resource":"*""#;
    vec![
        own(Identity, ALLOW, &[]),
        own(Scp, ALLOW, &[]),
        own(Resource, &format!(r#"{ALLOW},"Principal":{{"AWS":"111122223333"}}"#), &[]),
        own(Trust, r#""Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole""#, &[]),
        own(Rcp, &format!(r#"{deny},"Principal":"*""#), &[]),
        own(Identity, r#""Effect":"Allow","Resource":"*""#, &["MISSING_ACTION"]),
        own(Identity, r#""Effect":"Allow","Action":[],"Resource":"*""#, &["MISSING_ACTION"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*""#, &["MISSING_RESOURCE"]),
        own(Resource, r#""Effect":"Allow","Action":"ecr:Get*","Principal":{"AWS":"111122223333"}"#, &[]),
        own(Trust, r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole","Resource":"*""#, &["RESOURCE_FORBIDDEN"]),
        own(Trust, r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject""#, &["TRUST_ACTION"]),
        own(Trust, r#""Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole""#, &["NOT_PRINCIPAL_FORBIDDEN"]),
        own(Identity, &format!(r#"{ALLOW},"Principal":"*""#), &["PRINCIPAL_FORBIDDEN"]),
        own(Scp, &format!(r#"{ALLOW},"Principal":"*""#), &["PRINCIPAL_FORBIDDEN"]),
        own(Identity, &format!(r#"{deny},"NotPrincipal":{{"AWS":"111122223333"}}"#), &["NOT_PRINCIPAL_FORBIDDEN"]),
        own(Resource, ALLOW, &["PRINCIPAL_REQUIRED"]),
        own(Resource, &format!(r#"{deny},"Principal":{{}}"#), &["INVALID_PRINCIPAL"]),
        own(Resource, &format!(r#"{deny},"Principal":{{"AWS":"arn:aws:iam::111122223333:user/*"}}"#), &["INVALID_PRINCIPAL"]),
        own(Resource, &format!(r#"{deny},"Principal":{{"AWS":"ann"}}"#), &["INVALID_PRINCIPAL"]),
        own(Resource, &format!(r#"{deny},"Principal":{{"Service":"ec2"}}"#), &["INVALID_PRINCIPAL"]),
        own(Resource, &format!(r#"{deny},"Principal":{{"AWS":["AIDACKCEVSQ6C2EXAMPLE","arn:aws:sts::111122223333:assumed-role/a/b"]}}"#), &[]),
        own(Resource, &format!(r#"{ALLOW},"NotPrincipal":{{"AWS":"111122223333"}}"#), &["NOT_PRINCIPAL_ALLOW"]),
        own(Resource, &format!(r#"{deny},"NotPrincipal":{{"AWS":"arn:aws:iam::111122223333:user/ann"}}"#), &["NOT_PRINCIPAL_WITHOUT_ACCOUNT"]),
        own(Resource, &format!(r#"{deny},"NotPrincipal":{{"AWS":["arn:aws:iam::111122223333:user/ann","111122223333"]}}"#), &[]),
        own(Resource, &format!(r#"{ALLOW},"Principal":"*""#), &["PUBLIC_ACCESS"]),
        own(Resource, &format!(r#"{ALLOW},"Principal":"*","Condition":{{"StringEquals":{{"aws:PrincipalOrgID":"o-1"}}}}"#), &[]),
        own(Resource, &format!(r#"{ALLOW},"Principal":{{"Service":"sns.amazonaws.com"}}"#), &["CONFUSED_DEPUTY"]),
        own(Identity, r#""Effect":"Allow","Action":"GetObject","Resource":"*""#, &["ACTION_FORMAT"]),
        own(Identity, r#""Effect":"Allow","Action":"*:*","Resource":"*""#, &["ACTION_FORMAT", "PASS_ROLE_EVERYWHERE"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get Object","Resource":"*""#, &["ACTION_FORMAT"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"docs"}"#.trim_end_matches('}'), &["RESOURCE_FORMAT"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3*""#, &["RESOURCE_FORMAT"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3::${aws:PrincipalAccount}:x""#, &["VARIABLE_BEFORE_RESOURCE"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::${aws:username""#, &["INVALID_VARIABLE"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::${aws:username, x}""#, &["INVALID_VARIABLE"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::${username}""#, &["INVALID_VARIABLE"]),
        own(Identity, r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::${aws:username, 'x'}${*}""#, &[]),
        own(Identity, r#""Effect":"Allow","NotAction":"iam:*","Resource":"*""#, &["ALLOW_NOT_ACTION"]),
        own(Identity, r#""Effect":"Allow","Action":"iam:PassRole","Resource":"*""#, &["PASS_ROLE_EVERYWHERE"]),
        own(Identity, r#""Effect":"Allow","Action":"*","Resource":"*""#, &["PASS_ROLE_EVERYWHERE"]),
        own(Identity, r#""Effect":"Allow","Action":"iam:*","Resource":"*""#, &["PASS_ROLE_EVERYWHERE"]),
        own(Identity, r#""Effect":"Allow","Action":"IAM:pass*","Resource":"*""#, &["PASS_ROLE_EVERYWHERE"]),
        own(Identity, r#""Effect":"Allow","Action":"iam:Get*","Resource":"*""#, &[]),
        own(Scp, r#""Effect":"Allow","Action":"*","Resource":"*""#, &[]),
        own(Identity, r#""Sid":"a-b","Effect":"Allow","Action":"s3:Get*","Resource":"*""#, &["SID_FORMAT"]),
        own(Rcp, &format!(r#"{ALLOW},"Principal":"*""#), &["RCP_ALLOW", "PUBLIC_ACCESS"]),
        own(Rcp, &format!(r#"{deny},"Principal":{{"AWS":"111122223333"}}"#), &["RCP_PRINCIPAL"]),
        own(Rcp, r#""Effect":"Deny","NotAction":"s3:*","Resource":"*","Principal":"*""#, &["RCP_ELEMENT"]),
        condition(r#""NumericEquals":{"s3:max-keys":"ten"}"#, &["INVALID_NUMBER"]),
        condition(r#""DateLessThan":{"aws:CurrentTime":"tomorrow"}"#, &["INVALID_DATE"]),
        condition(r#""Bool":{"aws:SecureTransport":"yes"}"#, &["INVALID_BOOLEAN"]),
        condition(r#""Null":{"aws:TokenIssueTime":"maybe"}"#, &["INVALID_BOOLEAN"]),
        condition(r#""BinaryEquals":{"k:b":"!!"}"#, &["INVALID_BINARY"]),
        condition(r#""IpAddress":{"aws:SourceIp":"10.0.0.0/64"}"#, &["INVALID_IP_RANGE"]),
        condition(r#""ArnLike":{"aws:SourceArn":"arn:aws:s3"}"#, &["INVALID_ARN_PATTERN"]),
        condition(r#""ArnLike":{"aws:SourceArn":"arn:aws:iam::${aws:PrincipalAccount}:role/*"}"#, &[]),
        condition(r#""stringequals":{"s3:prefix":"a"}"#, &["OPERATOR_SPELLING"]),
        condition(r#""StringEquals":{"prefix":"a"}"#, &["ACTION_FORMAT"]),
        condition(r#""StringEquals":{"aws:TagKeys":"a"}"#, &["MULTIVALUED_KEY"]),
        condition(r#""ForAllValues:StringEquals":{"aws:TagKeys":"a"}"#, &["FOR_ALL_VALUES_ALLOW"]),
        condition(r#""ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:tagkeys":"false"}"#, &[]),
        condition(r#""StringSame":{"s3:prefix":"a"}"#, &["UNKNOWN_OPERATOR"]),
        (Identity, r#"{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::${aws:username}"}}"#.into(), vec!["VARIABLE_NOT_REPLACED"]),
        (Identity, r#"{"Id":"i","Version":"2012-10-17","Statement":[]}"#.into(), vec!["ID_ELEMENT", "EMPTY_STATEMENT"]),
        (Identity, format!(r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"A",{ALLOW}}},{{"Sid":"A",{ALLOW}}}]}}"#), vec!["DUPLICATE_SID"]),
    ]
}

#[test]
fn every_policy_of_the_table_has_its_findings_and_no_others() {
    for (kind, text, expected) in table() {
        assert_eq!(codes(kind, &text), expected, "{kind:?} {text}");
    }
}

#[test]
fn every_code_that_is_not_of_the_grammar_is_in_the_table() {
    let seen: HashSet<&str> = table().into_iter().flat_map(|(.., codes)| codes).collect();
    for code in Code::ALL.iter().filter(|code| !code.is_grammar()) {
        assert!(seen.contains(code.as_str()), "{code:?} is not tested");
    }
}

#[test]
fn validate_refuses_what_iam_refuses_in_its_words() {
    let refusal = |kind, text: &str| {
        Policy::parse(text)
            .unwrap()
            .validate(kind)
            .unwrap_err()
            .0
            .message
    };
    assert_eq!(
        refusal(Identity, &one(&format!(r#"{ALLOW},"Principal":"*""#))),
        "Policy document should not specify a principal."
    );
    assert_eq!(
        refusal(Identity, &one(r#""Effect":"Allow","Action":"s3:Get*""#)),
        "Policy statement must contain resources."
    );
    assert_eq!(
        refusal(Trust, &one(r#""Effect":"Allow","Action":"sts:AssumeRole""#)),
        "Missing required field Principal"
    );
    assert_eq!(
        refusal(
            Identity,
            &one(r#""Effect":"Allow","Action":"s3:Get*","Resource":"x""#)
        ),
        "Resource x must be in ARN format or \"*\"."
    );
    let odd = one(&format!(
        r#"{ALLOW},"Condition":{{"Bool":{{"aws:SecureTransport":"yes"}}}}"#
    ));
    assert!(
        Policy::parse(&odd).unwrap().validate(Identity).is_ok(),
        "IAM does not look at values"
    );
}

#[test]
fn the_kind_is_guessed_from_what_is_there() {
    let guess = |body: &str| PolicyKind::guess(&Policy::parse(&one(body)).unwrap());
    assert_eq!(guess(ALLOW), Identity);
    assert_eq!(guess(&format!(r#"{ALLOW},"Principal":"*""#)), Resource);
    assert_eq!(
        guess(r#""Effect":"Allow","Principal":"*","Action":["sts:AssumeRole","sts:TagSession"]"#),
        Trust
    );
    assert_eq!(
        guess(r#""Effect":"Deny","NotPrincipal":"*","Action":"s3:*","Resource":"*""#),
        Resource
    );
}

#[test]
fn a_report_names_file_line_column_and_code() {
    let bad = b"{\n  \"Statement\": {\n    \"Effect\": \"Permit\"\n  }\n}".as_slice();
    let good = one(ALLOW);
    let report = check(
        [
            ("bad.json", bad),
            ("good.json", good.as_bytes()),
            ("bin.json", b"\xff".as_slice()),
        ],
        None,
    );
    assert!(report.has_errors());
    let text = report.render(Format::Text);
    assert!(
        text.starts_with(
            "bad.json:3:15: error: Effect must be Allow or Deny, not \"Permit\" [INVALID_EFFECT]\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("bin.json:1:1: error:")
            && text.ends_with("3 file(s) checked: 2 error(s), 0 warning(s)\n"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&report.render(Format::Json)).unwrap();
    assert_eq!(json["files"][0]["findings"][0]["code"], "INVALID_EFFECT");
    assert_eq!(json["files"][0]["findings"][0]["line"], 3);
    assert_eq!(json["files"][1]["kind"], "identity");
}

#[test]
fn warnings_are_no_errors() {
    let text = one(r#""Effect":"Allow","NotAction":"iam:*","Resource":"*""#);
    let report = check([("w.json", text.as_bytes())], None);
    assert!(!report.has_errors());
    assert_eq!(report.files[0].findings[0].severity(), Severity::Warning);
    assert!(
        check([("w.json", text.as_bytes())], Some(Resource)).has_errors(),
        "as another kind it is one"
    );
}
