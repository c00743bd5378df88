//! The rules of evaluation, layer by layer: each test's name says the rule.

mod common;
use common::{ACCOUNT, ALLOW_ALL, Case, OTHER, deny, statement};

const S3: &str = "s3:GetObject";
const OBJECT: &str = "arn:aws:s3:::docs/a";
const READ: &str = r#""Action":"s3:Get*","Resource":"*""#;
const WRITE: &str = r#""Action":"s3:Put*","Resource":"*""#;

fn allow(body: &str) -> String {
    statement(&format!(r#""Effect":"Allow",{body}"#))
}

/// A resource policy that allows everything to a principal.
fn grant(principal: &str) -> String {
    allow(&format!(
        r#""Principal":{principal},"Action":"*","Resource":"*""#
    ))
}

fn aws(arn: &str) -> String {
    grant(&format!(r#"{{"AWS":"{arn}"}}"#))
}

const USER: &str = "arn:aws:iam::111122223333:user/ann";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";
const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/fred";
const ROOT: &str = "arn:aws:iam::111122223333:root";

#[test]
fn everything_is_denied_unless_allowed() {
    Case::user().expect(S3, OBJECT, "implicit:identity");
    Case::user()
        .identity(&allow(READ))
        .expect(S3, OBJECT, "allow");
    Case::user()
        .identity(&allow(WRITE))
        .expect(S3, OBJECT, "implicit:identity");
    Case::user()
        .identity(&allow(WRITE))
        .identity(&allow(READ))
        .expect(S3, OBJECT, "allow");
}

#[test]
fn an_explicit_deny_outweighs_every_allow_wherever_it_stands() {
    let all = || {
        Case::user()
            .identity(ALLOW_ALL)
            .resource(&aws(USER))
            .boundary(ALLOW_ALL)
            .scp(&[ALLOW_ALL])
    };
    all().expect(S3, OBJECT, "allow");
    all()
        .identity(&deny(READ))
        .expect(S3, OBJECT, "explicit:identity");
    all()
        .boundary(&deny(READ))
        .expect(S3, OBJECT, "explicit:boundary");
    all().scp(&[&deny(READ)]).expect(S3, OBJECT, "explicit:scp");
    all()
        .rcp(&[&deny(&format!(r#""Principal":"*",{READ}"#))])
        .expect(S3, OBJECT, "explicit:rcp");
    all()
        .resource(&deny(&format!(r#""Principal":"*",{READ}"#)))
        .expect(S3, OBJECT, "explicit:resource");
    let session = Case::session().identity(ALLOW_ALL);
    session
        .session_policy(&deny(READ))
        .expect(S3, OBJECT, "explicit:session");
}

#[test]
fn of_several_denies_the_first_layer_in_order_of_enforcement_is_told() {
    let denies = deny(READ);
    let named = deny(&format!(r#""Principal":"*",{READ}"#));
    let mut case = Case::session().session_policy(&denies);
    case.clone().expect(S3, OBJECT, "explicit:session");
    case = case.boundary(&denies);
    case.clone().expect(S3, OBJECT, "explicit:boundary");
    case = case.identity(&denies);
    case.clone().expect(S3, OBJECT, "explicit:identity");
    case = case.resource(&named);
    case.clone().expect(S3, OBJECT, "explicit:resource");
    case = case.scp(&[&denies]);
    case.clone().expect(S3, OBJECT, "explicit:scp");
    case.rcp(&[&named]).expect(S3, OBJECT, "explicit:rcp");
}

#[test]
fn of_several_implicit_denies_the_first_layer_in_order_of_enforcement_is_told() {
    let case = Case::session()
        .boundary(&allow(WRITE))
        .session_policy(&allow(WRITE));
    case.clone()
        .scp(&[&allow(WRITE)])
        .expect(S3, OBJECT, "implicit:scp");
    case.clone().expect(S3, OBJECT, "implicit:identity");
    case.clone()
        .identity(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:boundary");
    case.clone()
        .identity(ALLOW_ALL)
        .boundary(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:session");
    case.in_account(OTHER)
        .expect(S3, OBJECT, "implicit:resource");
}

#[test]
fn an_explicit_deny_is_told_before_any_implicit_one() {
    let case = Case::session()
        .session_policy(&deny(READ))
        .scp(&[&allow(WRITE)]);
    case.expect(S3, OBJECT, "explicit:session");
}

#[test]
fn every_level_of_the_organization_must_allow() {
    let case = || Case::user().identity(ALLOW_ALL);
    case()
        .scp(&[ALLOW_ALL])
        .scp(&[ALLOW_ALL])
        .scp(&[&allow(READ)])
        .expect(S3, OBJECT, "allow");
    case()
        .scp(&[ALLOW_ALL])
        .scp(&[&allow(WRITE)])
        .scp(&[ALLOW_ALL])
        .expect(S3, OBJECT, "implicit:scp");
    case()
        .scp(&[ALLOW_ALL])
        .scp(&[])
        .expect(S3, OBJECT, "implicit:scp");
    case()
        .scp(&[&allow(WRITE), &allow(READ)])
        .expect(S3, OBJECT, "allow");
    Case::user()
        .scp(&[ALLOW_ALL])
        .expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn an_scp_limits_root_and_those_whom_a_resource_policy_allows() {
    Case::root()
        .scp(&[&allow(WRITE)])
        .expect(S3, OBJECT, "implicit:scp");
    Case::user()
        .scp(&[&allow(WRITE)])
        .resource(&aws(USER))
        .expect(S3, OBJECT, "implicit:scp");
}

#[test]
fn service_linked_roles_and_the_management_account_are_exempt_from_control_policies() {
    let named = deny(&format!(r#""Principal":"*",{READ}"#));
    let linked = Case::role(
        "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
    );
    let linked = linked
        .identity(ALLOW_ALL)
        .scp(&[&deny(READ)])
        .rcp(&[&named]);
    linked.expect(S3, OBJECT, "allow");
    let by_name =
        Case::role("arn:aws:iam::111122223333:role/AWSServiceRoleForX").identity(ALLOW_ALL);
    by_name
        .scp(&[&deny(READ)])
        .expect(S3, OBJECT, "explicit:scp");
    let case = || Case::user().identity(ALLOW_ALL).resource(&aws(USER));
    case()
        .managed_by(ACCOUNT)
        .scp(&[&deny(READ)])
        .expect(S3, OBJECT, "allow");
    case()
        .managed_by(ACCOUNT)
        .rcp(&[&named])
        .expect(S3, OBJECT, "allow");
    case()
        .managed_by(OTHER)
        .scp(&[&deny(READ)])
        .expect(S3, OBJECT, "explicit:scp");
    // An RCP protects a member's resources from the management account's principals too.
    case()
        .managed_by(ACCOUNT)
        .in_account(OTHER)
        .rcp(&[&named])
        .expect(S3, OBJECT, "explicit:rcp");
    case()
        .managed_by(OTHER)
        .in_account(OTHER)
        .rcp(&[&named])
        .expect(S3, OBJECT, "allow");
}

#[test]
fn rcps_reach_services_and_strangers_scps_do_not() {
    let named = deny(&format!(r#""Principal":"*",{READ}"#));
    for case in [Case::service("logs.amazonaws.com"), Case::anonymous()] {
        let case = case.resource(&grant("\"*\""));
        let case = if case.is_service() {
            case.resource(&grant(r#"{"Service":"logs.amazonaws.com"}"#))
        } else {
            case
        };
        case.clone().scp(&[&deny(READ)]).expect(S3, OBJECT, "allow");
        case.rcp(&[&named]).expect(S3, OBJECT, "explicit:rcp");
    }
}

#[test]
fn in_one_account_identity_or_resource_policy_is_enough() {
    Case::user()
        .resource(&aws(USER))
        .expect(S3, OBJECT, "allow");
    Case::user()
        .identity(&allow(READ))
        .resource(&aws(SESSION))
        .expect(S3, OBJECT, "allow");
    Case::user()
        .resource(&aws("arn:aws:iam::111122223333:user/Ann"))
        .expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn naming_the_account_leaves_it_to_the_accounts_own_policies() {
    for principal in [ROOT, ACCOUNT] {
        Case::user()
            .resource(&aws(principal))
            .expect(S3, OBJECT, "implicit:identity");
        Case::user()
            .resource(&aws(principal))
            .identity(&allow(READ))
            .expect(S3, OBJECT, "allow");
    }
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let case = || Case::user().in_account(OTHER);
    case()
        .identity(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:resource");
    for principal in [USER, ROOT, ACCOUNT, "*"] {
        case()
            .resource(&aws(principal))
            .expect(S3, OBJECT, "implicit:identity");
        case()
            .resource(&aws(principal))
            .identity(ALLOW_ALL)
            .expect(S3, OBJECT, "allow");
        case()
            .resource(&aws(principal))
            .identity(ALLOW_ALL)
            .boundary(&allow(WRITE))
            .expect(S3, OBJECT, "implicit:boundary");
    }
    case()
        .resource(&aws("444455556666"))
        .identity(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:resource");
    let session = Case::session()
        .in_account(OTHER)
        .resource(&aws(SESSION))
        .identity(ALLOW_ALL);
    session.clone().expect(S3, OBJECT, "allow");
    session
        .session_policy(&allow(WRITE))
        .expect(S3, OBJECT, "implicit:session");
}

#[test]
fn a_user_named_by_the_resource_is_not_limited_by_the_boundary() {
    let case = Case::user().boundary(&allow(WRITE));
    case.clone()
        .resource(&aws(USER))
        .expect(S3, OBJECT, "allow");
    case.clone()
        .resource(&aws(ROOT))
        .identity(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:boundary");
    case.resource(&grant("\"*\"")).expect(S3, OBJECT, "allow");
}

#[test]
fn a_role_named_by_the_resource_is_limited_a_session_named_is_not() {
    let bounded = || Case::session().boundary(&allow(WRITE));
    let narrowed = || Case::session().session_policy(&allow(WRITE));
    Case::session()
        .resource(&aws(ROLE))
        .expect(S3, OBJECT, "allow");
    bounded()
        .resource(&aws(ROLE))
        .expect(S3, OBJECT, "implicit:boundary");
    narrowed()
        .resource(&aws(ROLE))
        .expect(S3, OBJECT, "implicit:session");
    bounded()
        .resource(&aws(SESSION))
        .expect(S3, OBJECT, "allow");
    narrowed()
        .resource(&aws(SESSION))
        .expect(S3, OBJECT, "allow");
    // Everyone, narrowed by aws:PrincipalArn, names the session itself.
    let everyone = allow(&format!(
        r#""Principal":"*","Action":"*","Resource":"*","Condition":{{"ArnEquals":{{"aws:PrincipalArn":"{ROLE}"}}}}"#
    ));
    bounded().resource(&everyone).expect(S3, OBJECT, "allow");
    narrowed().resource(&everyone).expect(S3, OBJECT, "allow");
    narrowed()
        .resource(&everyone)
        .session_policy(&deny(READ))
        .expect(S3, OBJECT, "explicit:session");
}

#[test]
fn a_role_is_named_with_its_path() {
    Case::session()
        .resource(&aws("arn:aws:iam::111122223333:role/app"))
        .expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn a_federated_user_has_what_user_and_session_policies_both_allow() {
    let case = Case::federated;
    case()
        .identity(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:session");
    case()
        .session_policy(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:identity");
    case()
        .identity(ALLOW_ALL)
        .session_policy(&allow(READ))
        .expect(S3, OBJECT, "allow");
    case()
        .identity(ALLOW_ALL)
        .session_policy(ALLOW_ALL)
        .boundary(&allow(WRITE))
        .expect(S3, OBJECT, "implicit:boundary");
}

#[test]
fn a_federated_user_named_is_not_limited_but_its_user_named_is() {
    let case = || {
        Case::federated()
            .boundary(&allow(WRITE))
            .session_policy(&allow(WRITE))
    };
    case().resource(&aws(FEDERATED)).expect(S3, OBJECT, "allow");
    Case::federated()
        .resource(&aws(FEDERATED))
        .expect(S3, OBJECT, "allow");
    case()
        .resource(&aws(USER))
        .expect(S3, OBJECT, "implicit:boundary");
    Case::federated()
        .resource(&aws(USER))
        .session_policy(&allow(WRITE))
        .expect(S3, OBJECT, "implicit:session");
    Case::federated()
        .resource(&aws(USER))
        .expect(S3, OBJECT, "implicit:session");
    Case::federated()
        .resource(&aws(USER))
        .session_policy(&allow(READ))
        .expect(S3, OBJECT, "allow");
}

#[test]
fn session_policies_together_allow_what_any_of_them_does() {
    let case = Case::session()
        .identity(ALLOW_ALL)
        .session_policy(&allow(WRITE));
    case.clone().expect(S3, OBJECT, "implicit:session");
    case.session_policy(&allow(READ))
        .expect(S3, OBJECT, "allow");
    Case::session()
        .session_policy(ALLOW_ALL)
        .expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn root_needs_no_policy_in_its_account_and_one_of_the_resource_elsewhere() {
    Case::root().expect(S3, OBJECT, "allow");
    Case::root()
        .in_account(OTHER)
        .expect(S3, OBJECT, "implicit:resource");
    Case::root()
        .in_account(OTHER)
        .resource(&aws(ROOT))
        .expect(S3, OBJECT, "allow");
    Case::root()
        .resource(&deny(r#""Principal":"*","Action":"*","Resource":"*""#))
        .expect(S3, OBJECT, "explicit:resource");
}

#[test]
fn services_and_strangers_have_the_resource_policy_only() {
    let service = || Case::service("ec2.amazonaws.com");
    service().expect(S3, OBJECT, "implicit:resource");
    service()
        .resource(&grant(
            r#"{"Service":["a.amazonaws.com","ec2.amazonaws.com"]}"#,
        ))
        .expect(S3, OBJECT, "allow");
    service()
        .resource(&grant(r#"{"Service":"a.amazonaws.com"}"#))
        .expect(S3, OBJECT, "implicit:resource");
    Case::anonymous().expect(S3, OBJECT, "implicit:resource");
    Case::anonymous()
        .resource(&grant("\"*\""))
        .expect(S3, OBJECT, "allow");
    Case::anonymous()
        .resource(&grant(r#"{"AWS":"*"}"#))
        .expect(S3, OBJECT, "allow");
    Case::anonymous()
        .resource(&aws(ROOT))
        .expect(S3, OBJECT, "implicit:resource");
}

#[test]
fn a_trust_policy_must_allow_and_naming_the_caller_is_enough_in_the_same_account() {
    let role = "arn:aws:iam::111122223333:role/target";
    let trust = |arn: &str| {
        allow(&format!(
            r#""Principal":{{"AWS":"{arn}"}},"Action":"sts:AssumeRole""#
        ))
    };
    let go = |case: Case, expected: &str| case.expect("sts:AssumeRole", role, expected);
    go(Case::user().identity(ALLOW_ALL), "implicit:resource");
    go(
        Case::user().identity(ALLOW_ALL).resource(&trust(SESSION)),
        "implicit:resource",
    );
    go(Case::user().resource(&trust(USER)), "allow");
    go(Case::user().resource(&trust(ROOT)), "implicit:identity");
    go(
        Case::user().resource(&trust(ROOT)).identity(ALLOW_ALL),
        "allow",
    );
    go(Case::session().resource(&trust(ROLE)), "allow");
    go(Case::root(), "implicit:resource");
    let abroad = |case: Case, expected: &str| {
        case.in_account(OTHER).expect(
            "sts:AssumeRole",
            "arn:aws:iam::444455556666:role/target",
            expected,
        )
    };
    abroad(Case::user().resource(&trust(USER)), "implicit:identity");
    abroad(
        Case::user().identity(ALLOW_ALL).resource(&trust(USER)),
        "allow",
    );
    abroad(
        Case::user().identity(ALLOW_ALL).resource(&trust(ROOT)),
        "allow",
    );
    abroad(Case::user().identity(ALLOW_ALL), "implicit:resource");
}

#[test]
fn a_key_policy_must_allow_or_hand_it_to_the_account() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234";
    let go = |case: Case, expected: &str| case.expect("kms:Decrypt", key, expected);
    go(Case::user().identity(ALLOW_ALL), "implicit:resource");
    go(
        Case::user().identity(ALLOW_ALL).resource(&aws(SESSION)),
        "implicit:resource",
    );
    go(
        Case::user().identity(ALLOW_ALL).resource(&aws(ROOT)),
        "allow",
    );
    go(Case::user().resource(&aws(ROOT)), "implicit:identity");
    go(Case::user().resource(&aws(USER)), "allow");
    go(Case::root().resource(&aws(USER)), "implicit:resource");
    go(Case::root().resource(&aws(ROOT)), "allow");
    Case::user()
        .identity(ALLOW_ALL)
        .expect("kms:ListKeys", "*", "allow");
}

#[test]
fn a_grant_alone_suffices_in_every_account_and_no_deny_is_overruled() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234";
    let go = |case: Case, expected: &str| case.expect("kms:Decrypt", key, expected);
    go(Case::user().resource(&aws(ROOT)).grant(&aws(USER)), "allow");
    go(Case::user().grant(&aws(USER)), "allow");
    go(Case::user().grant(&aws(SESSION)), "implicit:resource");
    go(Case::user().grant(&aws(ROOT)), "implicit:identity");
    go(Case::user().grant(&aws(ROOT)).identity(ALLOW_ALL), "allow");
    let denies = deny(r#""Principal":"*","Action":"*","Resource":"*""#);
    go(
        Case::user().resource(&denies).grant(&aws(USER)),
        "explicit:resource",
    );
    go(
        Case::user()
            .identity(&deny(r#""Action":"*","Resource":"*""#))
            .grant(&aws(USER)),
        "explicit:identity",
    );
    // A role's sessions are held within their boundary and session policies.
    go(Case::session().grant(&aws(ROLE)), "allow");
    go(
        Case::session()
            .session_policy(&allow(WRITE))
            .grant(&aws(ROLE)),
        "implicit:session",
    );
    let foreign = "arn:aws:kms:us-east-1:444455556666:key/1234";
    let abroad = |case: Case, expected: &str| {
        case.in_account(OTHER)
            .expect("kms:Decrypt", foreign, expected)
    };
    abroad(Case::user().grant(&aws(USER)), "allow");
    abroad(Case::user().resource(&aws(USER)), "implicit:identity");
    abroad(Case::user().resource(&aws(USER)).grant(&aws(USER)), "allow");
    abroad(
        Case::session().resource(&aws(SESSION)).grant(&aws(ROLE)),
        "allow",
    );
    abroad(Case::user().grant(&aws(ROOT)), "implicit:identity");
}

#[test]
fn not_principal_with_deny_spares_only_who_is_listed_with_the_account() {
    let not = |arns: &[&str]| {
        deny(&format!(
            r#""NotPrincipal":{{"AWS":{arns:?}}},"Action":"*","Resource":"*""#
        ))
    };
    let user = |arns: &[&str], expected: &str| {
        Case::user()
            .identity(ALLOW_ALL)
            .resource(&not(arns))
            .expect(S3, OBJECT, expected)
    };
    user(&[USER, ROOT], "allow");
    user(&[USER, ACCOUNT], "allow");
    user(&[USER], "explicit:resource");
    user(&[ROOT], "explicit:resource");
    let session = |arns: &[&str], expected: &str| {
        Case::session()
            .identity(ALLOW_ALL)
            .resource(&not(arns))
            .expect(S3, OBJECT, expected)
    };
    session(&[ROLE, ROOT], "allow");
    session(&[SESSION, ROLE, ROOT], "allow");
    session(&[SESSION, ROOT], "explicit:resource");
    session(&[ROLE], "explicit:resource");
    Case::user()
        .identity(ALLOW_ALL)
        .boundary(ALLOW_ALL)
        .resource(&not(&[USER, ROOT]))
        .expect(S3, OBJECT, "explicit:resource");
    Case::root()
        .resource(&not(&[ROOT]))
        .expect(S3, OBJECT, "allow");
    Case::root()
        .resource(&not(&[USER]))
        .expect(S3, OBJECT, "explicit:resource");
    let service =
        deny(r#""NotPrincipal":{"Service":"a.amazonaws.com"},"Action":"*","Resource":"*""#);
    Case::user()
        .identity(ALLOW_ALL)
        .resource(&service)
        .expect(S3, OBJECT, "explicit:resource");
}

#[test]
fn not_principal_with_allow_grants_to_all_but_the_named() {
    let not = allow(&format!(
        r#""NotPrincipal":{{"AWS":"{USER}"}},"Action":"*","Resource":"*""#
    ));
    Case::user()
        .resource(&not)
        .expect(S3, OBJECT, "implicit:identity");
    Case::session().resource(&not).expect(S3, OBJECT, "allow");
    Case::anonymous().resource(&not).expect(S3, OBJECT, "allow");
}

#[test]
fn a_deny_naming_the_account_or_the_role_reaches_its_users_and_sessions() {
    let denied = |arn: &str| {
        deny(&format!(
            r#""Principal":{{"AWS":"{arn}"}},"Action":"*","Resource":"*""#
        ))
    };
    for arn in [ROOT, ACCOUNT, USER, "*"] {
        Case::user()
            .identity(ALLOW_ALL)
            .resource(&denied(arn))
            .expect(S3, OBJECT, "explicit:resource");
    }
    for arn in [ROOT, ROLE, SESSION] {
        Case::session()
            .identity(ALLOW_ALL)
            .resource(&denied(arn))
            .expect(S3, OBJECT, "explicit:resource");
    }
    Case::user()
        .identity(ALLOW_ALL)
        .resource(&denied(ROLE))
        .expect(S3, OBJECT, "allow");
}

#[test]
fn part_of_a_principals_name_cannot_be_a_wildcard() {
    Case::user()
        .resource(&aws("arn:aws:iam::111122223333:user/*"))
        .expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn what_no_policy_controls_is_always_allowed() {
    Case::user()
        .identity(&deny(r#""Action":"*","Resource":"*""#))
        .expect("sts:GetCallerIdentity", "*", "allow");
    Case::user()
        .identity(&deny(r#""Action":"*","Resource":"*""#))
        .expect("sts:GetFederationToken", "*", "explicit:identity");
}

#[test]
fn actions_compare_in_either_case_and_resources_do_not() {
    let own = |body: &str| Case::user().identity(&allow(body));
    own(r#""Action":"S3:gEtObJ*","Resource":"*""#).expect(S3, OBJECT, "allow");
    own(r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::DOCS/a""#).expect(
        S3,
        OBJECT,
        "implicit:identity",
    );
    own(r#""Action":"s3:?etObject","Resource":"*""#).expect(S3, OBJECT, "allow");
    own(r#""Action":"s*","Resource":"*""#).expect(S3, OBJECT, "implicit:identity");
    own(r#""Action":"*:*","Resource":"*""#).expect(S3, OBJECT, "allow");
    own(r#""Action":"s3-outposts:*","Resource":"*""#).expect(S3, OBJECT, "implicit:identity");
    own(r#""Action":"elasticloadbalancing:Describe*","Resource":"*""#).expect(
        "elasticloadbalancing:DescribeRules",
        "*",
        "allow",
    );
    own(r#""Action":"elasticloadbalancinh:Describe*","Resource":"*""#).expect(
        "elasticloadbalancing:DescribeRules",
        "*",
        "implicit:identity",
    );
}

#[test]
fn the_not_forms_are_everything_else() {
    let own = |body: &str| Case::user().identity(&allow(body));
    own(r#""NotAction":"iam:*","Resource":"*""#).expect(S3, OBJECT, "allow");
    own(r#""NotAction":["iam:*","s3:Get*"],"Resource":"*""#).expect(
        S3,
        OBJECT,
        "implicit:identity",
    );
    own(r#""Action":"s3:*","NotResource":"arn:aws:s3:::secret/*""#).expect(S3, OBJECT, "allow");
    own(r#""Action":"s3:*","NotResource":["arn:aws:s3:::secret/*","arn:aws:s3:::docs/*"]"#).expect(
        S3,
        OBJECT,
        "implicit:identity",
    );
}

#[test]
fn a_pattern_must_have_six_segments() {
    let own = |resource: &str| {
        Case::user().identity(&allow(&format!(
            r#""Action":"s3:*","Resource":"{resource}""#
        )))
    };
    own("arn:aws:s3:::docs*").expect(S3, OBJECT, "allow");
    own("arn:aws:s3*").expect(S3, OBJECT, "implicit:identity");
    own("arn:aws:s3:::docs").expect(S3, OBJECT, "implicit:identity");
}

#[test]
fn tags_on_a_federated_users_session_need_no_trust_those_on_a_roles_do() {
    let tag = allow(r#""Action":"sts:TagSession","Resource":"*""#);
    let tagging = || Case::user().identity(&tag);
    tagging().expect("sts:TagSession", FEDERATED, "allow");
    tagging().expect("sts:TagSession", ROLE, "implicit:resource");
    Case::user().expect("sts:TagSession", FEDERATED, "implicit:identity");
}

#[test]
fn an_allow_names_the_statements_of_the_layers_that_had_to() {
    let names = |case: &Case| -> Vec<String> {
        let decision = palisade_policy::evaluate(&case.request(S3, OBJECT), &case.layers());
        assert!(decision.is_allowed());
        decision
            .deciding
            .iter()
            .map(|s| s.policy.name().to_owned())
            .collect()
    };
    let abroad = Case::user()
        .in_account(OTHER)
        .resource(&aws(USER))
        .identity(ALLOW_ALL);
    assert_eq!(names(&abroad), ["resource", "identity"]);
    assert_eq!(
        names(&Case::user().resource(&aws(USER)).identity(ALLOW_ALL)),
        ["resource"]
    );
    assert_eq!(
        names(&Case::user().resource(&aws(ROOT)).identity(ALLOW_ALL)),
        ["identity"]
    );
    let all = Case::session()
        .scp(&[ALLOW_ALL])
        .identity(ALLOW_ALL)
        .boundary(ALLOW_ALL);
    assert_eq!(
        names(&all.session_policy(ALLOW_ALL)),
        ["scp", "identity", "boundary", "session"]
    );
}
