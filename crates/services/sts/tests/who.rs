//! GetCallerIdentity, GetAccessKeyInfo, DecodeAuthorizationMessage.

mod common;

use common::{ALLOW_STS, AWAY, HOME, World, long_term};
use palisade_core::authorization_message::Message;
use palisade_core::testing::Counting;
use palisade_core::{AccountId, Identity, ids};
use palisade_model::{Structure, Value};

fn text<'a>(answer: &'a common::Answer, name: &str) -> &'a str {
    answer.output.member(name).and_then(Value::as_str).unwrap()
}

#[test]
fn everyone_may_ask_who_they_are_even_against_a_deny() {
    let mut world = World::new();
    let bob = world.user(
        HOME,
        "bob",
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#,
    );
    let answer = world
        .call(&bob, "GetCallerIdentity", Structure::new())
        .unwrap();
    assert_eq!(text(&answer, "Arn"), "arn:aws:iam::111122223333:user/bob");
    assert_eq!(
        (text(&answer, "Account"), text(&answer, "UserId")),
        (HOME, "AIDABOB")
    );
    let root = world
        .call(
            &long_term(AWAY, Identity::Root),
            "GetCallerIdentity",
            Structure::new(),
        )
        .unwrap();
    assert_eq!(
        (text(&root, "Arn"), text(&root, "UserId")),
        ("arn:aws:iam::444455556666:root", AWAY)
    );
}

#[test]
fn an_access_key_tells_its_account() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    world.access_key("CONFIGUREDACCESSKEY1", AWAY);
    let asked = |id: &str| Structure::new().with("AccessKeyId", id);
    let answer = world
        .call(&ann, "GetAccessKeyInfo", asked("CONFIGUREDACCESSKEY1"))
        .unwrap();
    assert_eq!(text(&answer, "Account"), AWAY);
    let account = AccountId::new(AWAY).unwrap();
    let id = ids::access_key_id(ids::AccessKeyKind::Session, &account, 42);
    let answer = world.call(&ann, "GetAccessKeyInfo", asked(&id)).unwrap();
    assert_eq!(text(&answer, "Account"), AWAY);
    let unknown = world.refusal(&ann, "GetAccessKeyInfo", asked("NOSUCHACCESSKEYID000"));
    assert_eq!(unknown.0, "InvalidClientTokenId");
}

#[test]
fn a_message_opens_in_its_own_account_only() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    let eve = world.user(AWAY, "eve", ALLOW_STS);
    let message = Message {
        explicit_deny: true,
        matched: vec![],
        principal_id: "AIDABOB".into(),
        principal_arn: "arn:aws:iam::111122223333:user/bob".into(),
        action: "iam:CreateUser".into(),
        resource: "arn:aws:iam::111122223333:user/x".into(),
        conditions: vec![],
    };
    let account = AccountId::new(HOME).unwrap();
    let encoded = message.encode(&account, &*world.seal, &mut Counting::default());
    let asked = || Structure::new().with("EncodedMessage", encoded.as_str());
    let answer = world
        .call(&ann, "DecodeAuthorizationMessage", asked())
        .unwrap();
    let document: serde_json::Value =
        serde_json::from_str(text(&answer, "DecodedMessage")).unwrap();
    assert_eq!(document["explicitDeny"], true);
    assert_eq!(document["context"]["action"], "iam:CreateUser");
    let refused = world.refusal(&eve, "DecodeAuthorizationMessage", asked());
    assert_eq!(refused.0, "InvalidAuthorizationMessageException");
}
