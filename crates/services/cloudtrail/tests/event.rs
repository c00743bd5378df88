//! The record of a call: who, under which errors, with which resources, in whose history.

mod common;

use common::{AWAY, HOME, World, caller, resource, user};
use palisade_cloudtrail::event;
use palisade_core::record::{ApiCall, Outcome, RecordedCaller, RecordedSession, TlsDetails};
use palisade_core::{AccountId, Identity, RoleRef, UserRef};
use serde_json::{Value as Json, json};
use uuid::Uuid;

fn account(number: &str) -> AccountId {
    AccountId::new(number).unwrap()
}

fn session(
    tags: &[(&str, &str)],
    transitive: &[&str],
    source_identity: Option<&str>,
) -> RecordedSession {
    RecordedSession {
        issued_ms: 1_700_000_000_500,
        issued_by: Uuid::nil(),
        policies: vec![],
        policy_arns: vec![],
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        source_identity: source_identity.map(str::to_owned),
        transitive_tag_keys: transitive.iter().map(|key| (*key).into()).collect(),
    }
}

fn role_session(session: RecordedSession) -> RecordedCaller {
    let role = RoleRef {
        account: account(HOME),
        name: "app".into(),
        path: "/team/".into(),
        id: "AROAAPP".into(),
    };
    let identity = Identity::RoleSession {
        role,
        session_name: "s1".into(),
    };
    RecordedCaller {
        session: Some(session),
        ..caller(HOME, identity)
    }
}

fn record(change: impl FnOnce(&mut ApiCall)) -> Json {
    let mut call = World::new().made("iam", "CreateUser");
    change(&mut call);
    event::record(&call, &account(HOME))
}

fn identity_of(caller: RecordedCaller) -> Json {
    record(|call| call.caller = caller)["userIdentity"].take()
}

#[test]
fn root_and_users_are_named_by_their_arns() {
    assert_eq!(
        identity_of(common::root(HOME)),
        json!({"type": "Root", "principalId": HOME, "arn": "arn:aws:iam::111122223333:root", "accountId": HOME, "accessKeyId": "AKIA111122223333"})
    );
    assert_eq!(
        identity_of(user(HOME, "ann")),
        json!({"type": "IAMUser", "principalId": "AIDAANN", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": HOME,
               "accessKeyId": "AKIA111122223333", "userName": "ann"})
    );
}

#[test]
fn a_users_own_session_has_no_issuer() {
    let own = RecordedCaller {
        session: Some(session(&[], &[], None)),
        ..user(HOME, "ann")
    };
    let context = identity_of(own)["sessionContext"].take();
    assert_eq!(
        context,
        json!({"attributes": {"creationDate": "2023-11-14T22:13:20Z", "mfaAuthenticated": "false"}})
    );
}

#[test]
fn a_roles_session_names_the_role_as_its_issuer() {
    let identity = identity_of(role_session(session(&[], &[], Some("ann"))));
    assert_eq!(
        (&identity["type"], &identity["principalId"]),
        (&json!("AssumedRole"), &json!("AROAAPP:s1"))
    );
    assert_eq!(
        identity["arn"],
        "arn:aws:sts::111122223333:assumed-role/app/s1"
    );
    assert!(identity.get("userName").is_none());
    let context = &identity["sessionContext"];
    assert_eq!(
        context["sessionIssuer"],
        json!({"type": "Role", "principalId": "AROAAPP", "arn": "arn:aws:iam::111122223333:role/team/app", "accountId": HOME, "userName": "app"})
    );
    assert_eq!(context["sourceIdentity"], "ann");
}

#[test]
fn a_federated_user_names_who_federated() {
    let ann = UserRef {
        name: "ann".into(),
        path: "/".into(),
        id: "AIDAANN".into(),
    };
    for (source, kind, principal) in [(Some(ann), "IAMUser", "AIDAANN"), (None, "Root", HOME)] {
        let identity = Identity::FederatedUser {
            name: "fred".into(),
            user: source,
        };
        let made = RecordedCaller {
            session: Some(session(&[], &[], None)),
            ..caller(HOME, identity)
        };
        let identity = identity_of(made);
        assert_eq!(
            (&identity["type"], &identity["principalId"]),
            (&json!("FederatedUser"), &json!("111122223333:fred"))
        );
        let issuer = &identity["sessionContext"]["sessionIssuer"];
        assert_eq!(
            (&issuer["type"], &issuer["principalId"]),
            (&json!(kind), &json!(principal))
        );
    }
}

#[test]
fn services_and_strangers_are_told_apart() {
    let service = identity_of(caller(
        HOME,
        Identity::Service("cloudtrail.amazonaws.com".into()),
    ));
    assert_eq!(
        service,
        json!({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"})
    );
    let nobody = identity_of(caller(HOME, Identity::Anonymous));
    assert_eq!(
        nobody,
        json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"})
    );
}

#[test]
fn another_account_learns_no_more_than_account_and_id() {
    let mut call = World::new().made("sts", "AssumeRole");
    call.caller = role_session(session(&[("Project", "blue")], &[], Some("ann")));
    let seen = event::record(&call, &account(AWAY));
    assert_eq!(
        seen["userIdentity"],
        json!({"type": "AWSAccount", "principalId": "AROAAPP:s1", "accountId": HOME})
    );
    assert_eq!(seen["recipientAccountId"], AWAY);
    assert_ne!(
        seen["eventID"],
        event::record(&call, &account(HOME))["eventID"]
    );
}

#[test]
fn a_chain_of_roles_shows_what_it_brings_in() {
    let parameters = |call: &mut ApiCall| {
        call.service = "sts".into();
        call.operation = "AssumeRole".into();
        call.caller = role_session(session(
            &[("Project", "blue"), ("Cost", "1")],
            &["Project"],
            Some("ann"),
        ));
        call.request_parameters =
            Some(r#"{"roleArn":"arn:aws:iam::111122223333:role/next"}"#.into());
    };
    let shown = record(parameters)["requestParameters"].take();
    assert_eq!(
        shown,
        json!({"incomingTransitiveTags": {"Project": "blue"}, "roleArn": "arn:aws:iam::111122223333:role/next", "sourceIdentity": "ann"})
    );
}

#[test]
fn errors_are_spelled_as_cloudtrail_does() {
    let spelled = |service: &str, outcome: Outcome| {
        let record = record(|call| {
            call.service = service.into();
            call.outcome = outcome;
        });
        record["errorCode"].as_str().map(str::to_owned)
    };
    let failed = |code: &str| Outcome::Failed {
        code: code.into(),
        message: "m".into(),
    };
    let denied = |code: &str| Outcome::Denied {
        code: code.into(),
        message: "m".into(),
    };
    assert_eq!(spelled("iam", Outcome::Success), None);
    for (service, outcome, code) in [
        ("iam", failed("NoSuchEntity"), "NoSuchEntityException"),
        (
            "iam",
            failed("NoSuchEntityException"),
            "NoSuchEntityException",
        ),
        ("iam", failed("ValidationError"), "ValidationError"),
        (
            "sts",
            failed("PackedPolicyTooLarge"),
            "PackedPolicyTooLargeException",
        ),
        ("iam", denied("AccessDenied"), "AccessDenied"),
        (
            "organizations",
            denied("AccessDeniedException"),
            "AccessDenied",
        ),
        (
            "ec2",
            denied("UnauthorizedOperation"),
            "Client.UnauthorizedOperation",
        ),
        (
            "ec2",
            failed("InvalidGroup.NotFound"),
            "Client.InvalidGroup.NotFound",
        ),
    ] {
        assert_eq!(
            spelled(service, outcome).as_deref(),
            Some(code),
            "{service}"
        );
    }
}

#[test]
fn resources_are_listed_where_the_service_lists_them() {
    let listed = |service: &str| {
        record(|call| {
            call.service = service.into();
            let arn = "arn:aws:iam::111122223333:role/app";
            call.resources = vec![
                resource("AWS::IAM::Role", "app", arn),
                resource("AWS::IAM::AccessKey", "ASIAX", ""),
            ];
        })
    };
    let sts = listed("sts");
    assert_eq!(
        sts["resources"],
        json!([{"accountId": HOME, "type": "AWS::IAM::Role", "ARN": "arn:aws:iam::111122223333:role/app"}])
    );
    assert!(listed("iam").get("resources").is_none());
}

#[test]
fn fields_come_in_cloudtrails_order() {
    let record = record(|call| {
        call.outcome = Outcome::Denied {
            code: "AccessDenied".into(),
            message: "no".into(),
        };
        call.service = "sts".into();
        call.additional_event_data = Some("{\"a\":1}".into());
        call.resources = vec![resource(
            "AWS::IAM::Role",
            "app",
            "arn:aws:iam::111122223333:role/app",
        )];
        call.shared_event_id = Some(Uuid::from_u128(1));
        call.tls = Some(TlsDetails {
            version: "TLSv1.3".into(),
            cipher_suite: "TLS_AES_128_GCM_SHA256".into(),
            host: "localhost".into(),
        });
    });
    let names: Vec<&String> = record.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "eventVersion",
            "userIdentity",
            "eventTime",
            "eventSource",
            "eventName",
            "awsRegion",
            "sourceIPAddress",
            "userAgent",
            "errorCode",
            "errorMessage",
            "requestParameters",
            "responseElements",
            "additionalEventData",
            "requestID",
            "eventID",
            "readOnly",
            "resources",
            "eventType",
            "managementEvent",
            "recipientAccountId",
            "sharedEventID",
            "eventCategory",
            "tlsDetails"
        ]
    );
    assert_eq!(record["additionalEventData"]["a"], 1);
}
