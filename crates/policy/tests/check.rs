//! `policy check`: every code is found where it should be, and nothing is found in good policies.

use palisade_policy::cli::{Format, check, check_with_names};
use palisade_policy::{
    ActionCatalog, ActionFacts, Code, Policy, PolicyKind, ServiceFacts, Severity,
};
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
    let mut seen: HashSet<&str> = table().into_iter().flat_map(|(.., codes)| codes).collect();
    seen.extend(names().into_iter().map(|(_, code, _)| code));
    for code in Code::ALL.iter().filter(|code| !code.is_grammar()) {
        assert!(seen.contains(code.as_str()), "{code:?} is not tested");
    }
}

/// A world of three services; of `lambda` the condition keys are not known.
struct Small;

fn resources(action: &str) -> Vec<&'static str> {
    match action {
        "GetObject" => vec!["arn:${Partition}:s3:::${BucketName}/${ObjectName}"],
        "ListBucket" => vec!["arn:${Partition}:s3:::${BucketName}"],
        "PassRole" => vec!["arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"],
        _ => Vec::new(),
    }
}

impl ActionCatalog for Small {
    fn prefixes(&self) -> Vec<&str> {
        vec!["iam", "lambda", "s3"]
    }

    fn service_principals(&self) -> Vec<&str> {
        vec!["ec2.amazonaws.com", "logs.amazonaws.com"]
    }

    fn service(&self, prefix: &str) -> Option<ServiceFacts<'_>> {
        let of =
            |actions: &[(&'static str, &[&'static str])], keys: &[&'static str]| ServiceFacts {
                actions: actions
                    .iter()
                    .map(|(name, keys)| ActionFacts {
                        name,
                        keys: keys.to_vec(),
                        resources: resources(name),
                    })
                    .collect(),
                keys: (!keys.is_empty()).then(|| keys.to_vec()),
            };
        Some(match prefix {
            "aws" => of(
                &[],
                &["aws:SourceIp", "aws:RequestTag/${TagKey}", "aws:TagKeys"],
            ),
            "iam" => of(
                &[("PassRole", &["iam:PassedToService"])],
                &["iam:PassedToService"],
            ),
            "lambda" => of(&[("InvokeFunction", &[])], &[]),
            "ec2" => of(&[], &["ec2:SourceInstanceARN", "ec2:Region"]),
            "s3" => of(
                &[
                    ("GetObject", &["s3:ExistingObjectTag/<key>"]),
                    ("ListBucket", &["s3:prefix"]),
                ],
                &["s3:ExistingObjectTag/<key>", "s3:prefix"],
            ),
            _ => return None,
        })
    }
}

/// A statement, the code found, and the end of its message; no code for one that is well.
fn names() -> Vec<(String, &'static str, &'static str)> {
    let action = |text: &str| {
        one(&format!(
            r#""Effect":"Allow","Action":{text},"Resource":"*""#
        ))
    };
    let key = |actions: &str, key: &str| {
        let condition = format!(r#"{{"StringLike":{{"{key}":"a"}}}}"#);
        one(&format!(
            r#""Effect":"Deny",{actions},"Resource":"*","Condition":{condition}"#
        ))
    };
    let get = r#""Action":"s3:GetObject""#;
    let on = |actions: &str, resource: &str| {
        one(&format!(
            r#""Effect":"Allow","Action":{actions},"Resource":"{resource}""#
        ))
    };
    let to = |service: &str| {
        one(&format!(
            r#""Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"s3:*","Resource":"*""#
        ))
    };
    vec![
        (
            action(r#"["*","s3:*","S3:getobject","s3:List??cket","lambda:Invoke*"]"#),
            "",
            "",
        ),
        (
            action(r#""s33:GetObject""#),
            "UNKNOWN_SERVICE",
            "has the prefix s33; did you mean s3?",
        ),
        (
            action(r#""lamda:*""#),
            "UNKNOWN_SERVICE",
            "has the prefix lamda; did you mean lambda?",
        ),
        (
            action(r#""aws:*""#),
            "UNKNOWN_SERVICE",
            "no service has the prefix aws",
        ),
        (
            action(r#""s3:GetObjet""#),
            "UNKNOWN_ACTION",
            "s3 has no action GetObjet; did you mean GetObject?",
        ),
        (
            action(r#""s3:Frobnicate""#),
            "UNKNOWN_ACTION",
            "s3 has no action Frobnicate",
        ),
        (
            action(r#"["s3:*","s3:Put*"]"#),
            "ACTION_MATCHES_NOTHING",
            r#""s3:Put*" matches no action of s3"#,
        ),
        (key(get, "AWS:sourceip"), "", ""),
        (key(get, "aws:RequestTag/team"), "", ""),
        (key(get, "s3:ExistingObjectTag/team"), "", ""),
        (key(get, "ec2:SourceInstanceARN"), "", ""),
        (key(get, "token.actions.githubusercontent.com:sub"), "", ""),
        (key(get, "lambda:SourceFunctionArn"), "", ""),
        (
            key(r#""Action":["s3:GetObject","lambda:*"]"#, "s3:prefix"),
            "",
            "",
        ),
        (key(r#""NotAction":"s3:GetObject""#, "s3:prefix"), "", ""),
        (
            key(r#""Action":["s3:Get*","iam:*"]"#, "iam:PassedToService"),
            "",
            "",
        ),
        (
            key(get, "aws:SourceIpp"),
            "UNKNOWN_CONDITION_KEY",
            "condition key aws:SourceIpp; did you mean aws:SourceIp?",
        ),
        (
            key(r#""NotAction":"*""#, "s3:prefx"),
            "UNKNOWN_CONDITION_KEY",
            "s3:prefx; did you mean s3:prefix?",
        ),
        (
            key(get, "aws:RequestTag/"),
            "UNKNOWN_CONDITION_KEY",
            "condition key aws:RequestTag/",
        ),
        (
            key(get, "s3:prefix"),
            "KEY_OF_OTHER_ACTIONS",
            "asked with the condition key s3:prefix",
        ),
        (
            key(get, "ec2:Region"),
            "KEY_OF_OTHER_ACTIONS",
            "asked with the condition key ec2:Region",
        ),
        (
            on(r#""s3:Get*""#, "arn:aws:s3:::docs/${aws:SourceIp}"),
            "",
            "",
        ),
        (on(r#""s3:*""#, "arn:aws:s3:::docs"), "", ""),
        (
            on(r#"["s3:GetObject","lambda:*"]"#, "arn:aws:s3:::docs"),
            "",
            "",
        ),
        (
            on(r#""s3:GetObject""#, "arn:aws:s3:::docs"),
            "RESOURCE_OF_OTHER_ACTIONS",
            "no action of this statement is about such a resource",
        ),
        (
            on(
                r#"["iam:PassRole","s3:*"]"#,
                "arn:aws:iam::111122223333:user/ann",
            ),
            "RESOURCE_OF_OTHER_ACTIONS",
            "no action of this statement is about such a resource",
        ),
        (
            on(r#""s3:*""#, "arn:aws:s3:::docs/${aws:SourceIpp}"),
            "UNKNOWN_VARIABLE",
            "there is no condition key aws:sourceipp; did you mean aws:SourceIp?",
        ),
        (
            on(r#""s3:*""#, "arn:aws:s3:::docs/${accounts.google.com:sub}"),
            "",
            "",
        ),
        (to("ec2.amazonaws.com"), "", ""),
        (to("logs.eu-west-1.amazonaws.com"), "", ""),
        (to("something-else.amazonaws.com"), "", ""),
        (
            to("lamda.amazonaws.com"),
            "UNKNOWN_SERVICE_PRINCIPAL",
            "no service principal lamda.amazonaws.com is known; did you mean lambda?",
        ),
        (
            to("ec2.amazon.com"),
            "UNKNOWN_SERVICE_PRINCIPAL",
            "is no service principal: write NAME.amazonaws.com",
        ),
    ]
}

#[test]
fn names_that_nothing_has_are_told_with_what_may_be_meant() {
    for (text, code, message) in names() {
        let findings = Policy::parse(&text).unwrap().check_names(&Small);
        let found: Vec<&str> = findings.iter().map(|f| f.code.as_str()).collect();
        let expected = if code.is_empty() { vec![] } else { vec![code] };
        assert_eq!(found, expected, "{text}");
        for finding in findings {
            assert_eq!(finding.severity(), Severity::Warning);
            assert!(finding.message.ends_with(message), "{}", finding.message);
        }
    }
}

#[test]
fn a_name_is_told_where_it_stands() {
    let text = "{\"Statement\": {\"Effect\": \"Allow\", \"Resource\": \"*\",\n  \"Action\": [\"s3:ListBucket\", \"s3:GetObjet\"]}}";
    let report = check_with_names([("p.json", text.as_bytes())], None, &Small);
    assert!(report.has_findings() && !report.has_errors());
    let line = "p.json:2:31: warning: s3 has no action GetObjet; did you mean GetObject? [UNKNOWN_ACTION]\n";
    assert!(
        report.render(Format::Text).starts_with(line),
        "{}",
        report.render(Format::Text)
    );
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
