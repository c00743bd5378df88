//! A what-if branch: done and recorded like the real state, kept apart from it, and no way to read what one may not read there.

use std::sync::Arc;

use palisade_core::operation::CallKind;
use palisade_core::record::Outcome;
use palisade_core::{Call, CallError, Handlers, Service};
use palisade_model::Structure;
use serde_json::{Value, json};

use crate::kit::probe::{Probe, row};
use crate::kit::{AWAY, Ask, HOME, Reply, Who, World, allow, policy, root};

/// A branch and the credentials that came with it.
async fn branch(world: &World, who: &Who) -> (String, Who) {
    let reply = world.done(who, "palisade", "CreateBranch", json!({})).await;
    (reply.text("BranchId"), reply.credentials())
}

async fn on(
    world: &World,
    who: &Who,
    branch: &str,
    service: &'static str,
    operation: &'static str,
    input: Value,
) -> Reply {
    world
        .send(who, &Ask::new(service, operation, &input).on(branch))
        .await
}

#[tokio::test]
async fn writes_on_a_branch_are_seen_there_and_nowhere_else() {
    let world = World::new().await;
    let (id, own) = branch(&world, &root(HOME)).await;
    let before = world.state();
    let ann = json!({"UserName": "ann"});
    let made = on(&world, &own, &id, "iam", "CreateUser", ann.clone()).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(
        on(&world, &own, &id, "iam", "GetUser", ann.clone())
            .await
            .status,
        200
    );
    let real = world.call(&root(HOME), "iam", "GetUser", ann.clone()).await;
    assert_eq!(real.code(), "NoSuchEntity");
    let (other, other_own) = branch(&world, &root(HOME)).await;
    let there = on(&world, &other_own, &other, "iam", "GetUser", ann).await;
    assert_eq!(there.code(), "NoSuchEntity");
    assert_eq!(world.state(), before);
    // It is on record, as a call of the branch, and no event of the account.
    let (call, _) = world.recorded(made.request_id).await;
    assert_eq!(
        (call.branch.as_deref(), call.outcome),
        (Some(id.as_str()), Outcome::Success)
    );
    let events = world
        .done(&root(HOME), "cloudtrail", "LookupEvents", json!({}))
        .await;
    assert!(!events.body.contains("CreateUser"), "{events:?}");
}

#[tokio::test]
async fn credentials_of_a_branch_are_refused_elsewhere() {
    let world = World::new().await;
    let trust = policy(
        json!([{"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}]),
    );
    let role = json!({"RoleName": "app", "AssumeRolePolicyDocument": trust});
    world.done(&root(HOME), "iam", "CreateRole", role).await;
    let admin = world.user(HOME, "admin", json!([allow("*", "*")])).await;
    let (id, own) = branch(&world, &admin).await;
    let (other, _) = branch(&world, &admin).await;
    let session = json!({"RoleArn": "arn:aws:iam::111122223333:role/app", "RoleSessionName": "s1"});
    let assumed = on(&world, &own, &id, "sts", "AssumeRole", session.clone()).await;
    let by_real_key = on(&world, &admin, &id, "sts", "AssumeRole", session).await;
    for reply in [&assumed, &by_real_key] {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let key = on(
        &world,
        &own,
        &id,
        "iam",
        "CreateAccessKey",
        json!({"UserName": "admin"}),
    )
    .await;
    let key = Who {
        token: None,
        ..key.credentials()
    };
    for who in [own, assumed.credentials(), by_real_key.credentials(), key] {
        let there = on(&world, &who, &id, "sts", "GetCallerIdentity", json!({})).await;
        assert_eq!(there.status, 200, "{there:?}");
        let real = world
            .call(&who, "sts", "GetCallerIdentity", json!({}))
            .await;
        assert_eq!(
            (real.status, real.code().as_str()),
            (403, "InvalidClientTokenId")
        );
        let elsewhere = on(&world, &who, &other, "sts", "GetCallerIdentity", json!({})).await;
        assert_eq!(
            (elsewhere.status, elsewhere.code().as_str()),
            (403, "InvalidClientTokenId")
        );
    }
}

#[tokio::test]
async fn another_account_has_no_part_in_a_branch() {
    let world = World::new().await;
    let eve = world.user(AWAY, "eve", json!([allow("*", "*")])).await;
    let ann = world.user(HOME, "ann", json!([allow("iam:*", "*")])).await;
    let (id, _) = branch(&world, &root(HOME)).await;
    for who in [root(AWAY), eve] {
        let reply = on(&world, &who, &id, "iam", "ListUsers", json!({})).await;
        assert!(reply.is_denied(), "{reply:?}");
        let (call, _) = world.recorded(reply.request_id).await;
        assert!(matches!(call.outcome, Outcome::Denied { .. }));
        let seen = world
            .call(&who, "palisade", "GetBranch", json!({"BranchId": id}))
            .await;
        assert!(seen.is_denied(), "{seen:?}");
    }
    // Nor has a user of the same account who may not call on it.
    let reply = on(&world, &ann, &id, "iam", "ListUsers", json!({})).await;
    assert!(
        reply.is_denied() && reply.body.contains("palisade:CallOnBranch"),
        "{reply:?}"
    );
}

fn kms() -> Vec<Arc<dyn Service>> {
    let answer = |_: &mut Call<'_>, _: Structure| -> Result<Structure, CallError> {
        Ok(Structure::new().with("KeyId", "k-1"))
    };
    let mut decrypt = row("Decrypt", CallKind::Read, "kms:Decrypt");
    decrypt.discloses = true;
    let rows = vec![decrypt, row("Encrypt", CallKind::Read, "kms:Encrypt")];
    let handlers = Handlers::new().on("Decrypt", answer).on("Encrypt", answer);
    vec![Probe::service("kms", rows, handlers)]
}

#[tokio::test]
async fn what_discloses_needs_the_real_states_permission_too() {
    let world = World::with(kms()).await;
    let may = json!([
        allow("palisade:CreateBranch", "*"),
        allow("iam:PutUserPolicy", "*")
    ]);
    let thief = world.user(HOME, "thief", may).await;
    let (id, own) = branch(&world, &thief).await;
    let grant = json!({"UserName": "thief", "PolicyName": "more",
        "PolicyDocument": policy(json!([allow("kms:*", "*")]))});
    let granted = on(&world, &own, &id, "iam", "PutUserPolicy", grant).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let encrypt = json!({"KeyId": "k-1", "Plaintext": "aGk="});
    let encrypted = on(&world, &own, &id, "kms", "Encrypt", encrypt).await;
    assert_eq!(
        encrypted.status, 200,
        "what discloses nothing is done: {encrypted:?}"
    );

    let decrypt = json!({"CiphertextBlob": "aGk="});
    let read = on(&world, &own, &id, "kms", "Decrypt", decrypt.clone()).await;
    assert!(read.is_denied(), "{read:?}");
    let (call, questions) = world.recorded(read.request_id).await;
    assert!(matches!(call.outcome, Outcome::Denied { .. }), "{call:?}");
    let asked: Vec<(&str, bool)> = questions
        .iter()
        .map(|q| (q.action.as_str(), q.allowed))
        .collect();
    assert_eq!(asked, [("kms:Decrypt", true), ("kms:Decrypt", false)]);

    // Who may on the real state may on the branch, unless it was forbidden there.
    world
        .allow(
            HOME,
            "thief",
            json!([allow("kms:*", "*"), allow("palisade:CreateBranch", "*")]),
        )
        .await;
    let (later, own) = branch(&world, &thief).await;
    let read = on(&world, &own, &later, "kms", "Decrypt", decrypt).await;
    assert_eq!(read.status, 200, "{read:?}");
}

#[tokio::test]
async fn a_branch_that_is_dropped_answers_nobody() {
    let world = World::new().await;
    let (id, own) = branch(&world, &root(HOME)).await;
    world
        .done(
            &root(HOME),
            "palisade",
            "DeleteBranch",
            json!({"BranchId": id}),
        )
        .await;
    for who in [own, root(HOME)] {
        let reply = on(&world, &who, &id, "iam", "ListUsers", json!({})).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "ResourceNotFoundException")
        );
    }
    let never = on(
        &world,
        &root(HOME),
        "no-such-branch",
        "iam",
        "ListUsers",
        json!({}),
    )
    .await;
    assert_eq!(never.status, 404, "{never:?}");
}
