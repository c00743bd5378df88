//! GetSessionToken and GetFederationToken.

mod common;

use common::{ALLOW_STS, HOME, NOW_MS, World, long_term, tags, trust};
use palisade_core::{Caller, Identity};
use palisade_model::{Structure, Value};

fn seconds(world: &World, answer: &common::Answer) -> i64 {
    (world.holder(answer).session.unwrap().expires_ms - NOW_MS) / 1000
}

fn named(name: &str) -> Structure {
    Structure::new().with("Name", name)
}

fn ann() -> (World, Caller) {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    (world, ann)
}

#[test]
fn a_session_of_ones_own_needs_no_permission_and_is_still_oneself() {
    let mut world = World::new();
    let bob = world.user(
        HOME,
        "bob",
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#,
    );
    let answer = world
        .call(&bob, "GetSessionToken", Structure::new())
        .unwrap();
    let holder = world.holder(&answer);
    assert_eq!(holder.arn(), bob.arn());
    assert!(holder.session.as_ref().unwrap().restricted);
    assert_eq!(seconds(&world, &answer), 43_200);
}

#[test]
fn roots_sessions_last_an_hour_at_most() {
    let mut world = World::new();
    let root = long_term(HOME, Identity::Root);
    for (asked, given) in [(None, 3600), (Some(129_600), 3600), (Some(900), 900)] {
        let input = Structure::new().with("DurationSeconds", asked);
        let answer = world.call(&root, "GetSessionToken", input).unwrap();
        assert_eq!(seconds(&world, &answer), given);
    }
    let answer = world
        .call(&root, "GetFederationToken", named("fred"))
        .unwrap();
    assert_eq!(seconds(&world, &answer), 3600);
}

#[test]
fn temporary_credentials_make_no_sessions_of_their_own() {
    let (mut world, ann) = ann();
    world.role(HOME, "/", "app", &trust(HOME, r#""sts:AssumeRole""#));
    let role = Structure::new()
        .with("RoleArn", "arn:aws:iam::111122223333:role/app")
        .with("RoleSessionName", "s1");
    let own = world
        .call(&ann, "GetSessionToken", Structure::new())
        .unwrap();
    let of_role = world.call(&ann, "AssumeRole", role).unwrap();
    let federated = world
        .call(&ann, "GetFederationToken", named("fred"))
        .unwrap();
    for answer in [own, of_role, federated] {
        let holder = world.holder(&answer);
        let token = world.refusal(&holder, "GetSessionToken", Structure::new());
        assert_eq!(token.0, "AccessDenied");
        assert_eq!(
            token.1,
            "Cannot call GetSessionToken with session credentials"
        );
        let federation = world.refusal(&holder, "GetFederationToken", named("fred"));
        assert_eq!(
            federation.1,
            "Cannot call GetFederationToken with session credentials"
        );
    }
}

#[test]
fn a_federated_user_is_who_the_caller_says_it_is() {
    let (mut world, ann) = ann();
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let input = named("fred")
        .with("Policy", policy)
        .with("Tags", tags(&[("Project", "blue")]));
    let answer = world.call(&ann, "GetFederationToken", input).unwrap();
    let user = answer.output.member("FederatedUser").unwrap();
    let text = |name: &str| user.member(name).and_then(Value::as_str).unwrap();
    assert_eq!(text("Arn"), "arn:aws:sts::111122223333:federated-user/fred");
    assert_eq!(text("FederatedUserId"), "111122223333:fred");
    let holder = world.holder(&answer);
    assert_eq!(
        (holder.arn().as_str(), holder.user_id().as_str()),
        (text("Arn"), text("FederatedUserId"))
    );
    let session = holder.session.unwrap();
    assert_eq!(session.policies, [policy]);
    assert!(session.transitive_tag_keys.is_empty());
    let Identity::FederatedUser {
        user: Some(source), ..
    } = holder.identity
    else {
        panic!("{:?}", holder.identity);
    };
    assert_eq!(source.name, "ann");
}

#[test]
fn federating_with_tags_needs_both_permissions() {
    let mut world = World::new();
    let federate = r#"{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}"#;
    let bob = world.user(HOME, "bob", federate);
    assert!(
        world
            .call(&bob, "GetFederationToken", named("fred"))
            .is_ok()
    );
    let tagged = named("fred").with("Tags", tags(&[("Project", "blue")]));
    let (code, message) = world.refusal(&bob, "GetFederationToken", tagged);
    assert_eq!(code, "AccessDenied");
    assert!(
        message
            .contains("sts:TagSession on resource: arn:aws:sts::111122223333:federated-user/fred"),
        "{message}"
    );
}

#[test]
fn a_second_factor_is_refused_not_ignored() {
    let (mut world, ann) = ann();
    let input = Structure::new()
        .with("SerialNumber", "arn:aws:iam::111122223333:mfa/ann")
        .with("TokenCode", "123456");
    let (code, message) = world.refusal(&ann, "GetSessionToken", input);
    assert_eq!(code, "AccessDenied");
    assert!(message.contains("unable to validate MFA code"), "{message}");
}
