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

/// A role that the home account's principals may assume, and that may do `action`.
async fn role(world: &World, account: &str, name: &str, action: &str) {
    let trust = policy(
        json!([{"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}]),
    );
    let role = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
    world.done(&root(account), "iam", "CreateRole", role).await;
    let may = json!({"RoleName": name, "PolicyName": "may",
        "PolicyDocument": policy(json!([allow(action, "*")]))});
    world
        .done(&root(account), "iam", "PutRolePolicy", may)
        .await;
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
    role(&world, HOME, "app", "s3:GetObject").await;
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
    // A stranger does not learn which there are.
    let stranger = Who {
        secret: "guessed".to_owned(),
        ..root(HOME)
    };
    let (open, _) = branch(&world, &root(HOME)).await;
    for id in [&id, &open] {
        let reply = on(&world, &stranger, id, "iam", "ListUsers", json!({})).await;
        assert_eq!(reply.code(), "SignatureDoesNotMatch", "{reply:?}");
    }
}

#[tokio::test]
async fn a_branch_is_no_way_to_the_journal() {
    let world = World::new().await;
    let may = json!([
        allow("palisade:CreateBranch", "*"),
        allow("iam:PutUserPolicy", "*")
    ]);
    let thief = world.user(HOME, "thief", may).await;
    let (id, own) = branch(&world, &thief).await;
    let grant = json!({"UserName": "thief", "PolicyName": "more",
        "PolicyDocument": policy(json!([allow("*", "*")]))});
    let granted = on(&world, &own, &id, "iam", "PutUserPolicy", grant).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let (this, since) = (json!({"BranchId": id}), json!({"BranchId": id, "Since": 0}));
    for (service, operation, input) in [
        ("cloudtrail", "LookupEvents", json!({})),
        (
            "palisade",
            "Explain",
            json!({"Id": granted.request_id.to_string()}),
        ),
        ("palisade", "GetBranch", this.clone()),
        ("palisade", "Replay", since),
        ("palisade", "GetMetrics", json!({})),
        ("palisade", "ListAuthenticationFailures", json!({})),
        ("palisade", "VerifyJournal", json!({})),
        ("palisade", "GetBackup", json!({})),
        (
            "sts",
            "DecodeAuthorizationMessage",
            json!({"EncodedMessage": "x"}),
        ),
    ] {
        let reply = on(&world, &own, &id, service, operation, input).await;
        assert!(reply.is_denied(), "{operation}: {reply:?}");
    }
    let dropped = on(&world, &own, &id, "palisade", "DeleteBranch", this).await;
    assert_eq!(dropped.code(), "ValidationException", "{dropped:?}");
    let still = on(&world, &own, &id, "sts", "GetCallerIdentity", json!({})).await;
    assert_eq!(still.status, 200, "{still:?}");
}

#[tokio::test]
async fn a_call_that_was_signed_for_a_branch_cannot_be_sent_to_the_real_state() {
    let world = World::new().await;
    let (id, _) = branch(&world, &root(HOME)).await;
    let before = world.state();
    let input = json!({"UserName": "ann"});
    for path in [
        format!("//_palisade/what-if/{id}/"),
        format!("/./_palisade/what-if/{id}/"),
        format!("/x/../_palisade/what-if/{id}/"),
    ] {
        let ask = Ask::new("iam", "CreateUser", &input).on(&id);
        let mut request = world.signed(&root(HOME), &ask);
        *request.uri_mut() = path.parse().expect("a URI");
        let reply = world.answer(request).await;
        assert_eq!(reply.code(), "InvalidRequest", "{path}: {reply:?}");
    }
    assert_eq!(world.state(), before);
}

#[tokio::test]
async fn credentials_of_a_branch_end_with_the_session_that_opened_it() {
    let world = World::new().await;
    role(&world, HOME, "app", "*").await;
    let admin = world.user(HOME, "admin", json!([allow("*", "*")])).await;
    let short = json!({"RoleArn": "arn:aws:iam::111122223333:role/app", "RoleSessionName": "s1",
        "DurationSeconds": 900});
    let session = world.done(&admin, "sts", "AssumeRole", short).await;
    let (id, own) = branch(&world, &session.credentials()).await;
    world.clock.advance(std::time::Duration::from_secs(901));
    let late = on(&world, &own, &id, "sts", "GetCallerIdentity", json!({})).await;
    assert_eq!(late.code(), "ExpiredToken", "{late:?}");
}

#[tokio::test]
async fn a_branchs_report_shows_nothing_of_another_account() {
    let world = World::new().await;
    role(&world, AWAY, "guest", "iam:PutUserPolicy").await;
    world
        .user(AWAY, "bob", json!([allow("kms:Decrypt", "*")]))
        .await;
    let ann = world.user(HOME, "ann", json!([allow("*", "*")])).await;
    let (id, own) = branch(&world, &ann).await;
    let guest = json!({"RoleArn": "arn:aws:iam::444455556666:role/guest", "RoleSessionName": "s1"});
    let guest = on(&world, &own, &id, "sts", "AssumeRole", guest).await;
    let put = |user: &str| {
        json!({"UserName": user, "PolicyName": "more",
            "PolicyDocument": policy(json!([allow("s3:GetObject", "*")]))})
    };
    let there = guest.credentials();
    for (who, user) in [(&there, "bob"), (&own, "ann")] {
        let done = on(&world, who, &id, "iam", "PutUserPolicy", put(user)).await;
        assert_eq!(done.status, 200, "{done:?}");
    }
    let report = world
        .done(&ann, "palisade", "GetBranch", json!({"BranchId": id}))
        .await;
    let report = report.json().expect("JSON");
    let writes = report["Writes"].as_array().expect("a list");
    let of = |account: &str| {
        let its = |write: &&Value| {
            write["Key"]
                .as_str()
                .is_some_and(|k| k.starts_with(account))
        };
        writes.iter().find(its).expect("a write").to_string()
    };
    assert!(!of(AWAY).contains("kms:Decrypt"), "{}", of(AWAY));
    assert!(of(HOME).contains("s3:GetObject"), "{}", of(HOME));
}

#[tokio::test]
async fn a_key_that_was_revoked_discloses_nothing_on_a_branch_that_knows_it_still() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([allow("*", "*")])).await;
    let (id, _) = branch(&world, &ann).await;
    let events = on(&world, &ann, &id, "cloudtrail", "LookupEvents", json!({})).await;
    assert_eq!(events.status, 200, "{events:?}");
    let off = json!({"UserName": "ann", "AccessKeyId": ann.access_key_id, "Status": "Inactive"});
    world.done(&root(HOME), "iam", "UpdateAccessKey", off).await;
    let events = on(&world, &ann, &id, "cloudtrail", "LookupEvents", json!({})).await;
    assert!(events.is_denied(), "{events:?}");
}

#[tokio::test]
async fn a_branch_decides_for_a_long_term_key_as_the_real_state_does() {
    let world = World::new().await;
    let temporary = |key: &str, value: &str| {
        json!({"Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*",
            "Condition": {key: {value: "false"}}})
    };
    let statements = json!([
        allow("*", "*"),
        temporary("Bool", "aws:MultiFactorAuthPresent"),
        temporary("Null", "aws:TokenIssueTime"),
    ]);
    let ann = world.user(HOME, "ann", statements).await;
    world.done(&ann, "iam", "ListUsers", json!({})).await;
    let (id, own) = branch(&world, &ann).await;
    let there = on(&world, &own, &id, "iam", "ListUsers", json!({})).await;
    assert_eq!(there.status, 200, "{there:?}");
}
