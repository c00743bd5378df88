//! What is on record, when, and who sees it.

use std::time::Duration;

use palisade_core::record::Outcome;
use palisade_gateway::Settings;
use serde_json::{Value, json};

use crate::kit::{
    AWAY, Ask, HOME, Plan, Reply, Who, World, allow, call_of, policy, record_on, reopened, root,
};

async fn events(world: &World, who: &Who, name: &str) -> Vec<Value> {
    world.store.flush().await.expect("the store writes");
    let input =
        json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]});
    let reply = world.done(who, "cloudtrail", "LookupEvents", input).await;
    let answer = reply.json().expect("JSON");
    let listed = answer["Events"].as_array().expect("a list");
    let texts = listed
        .iter()
        .filter_map(|event| event["CloudTrailEvent"].as_str());
    texts
        .map(|text| serde_json::from_str(text).expect("an event is JSON"))
        .collect()
}

/// A role in the other account that trusts this one, and a user here who may assume it.
async fn neighbours(world: &World) -> Who {
    let trust = policy(
        json!([{"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}]),
    );
    let role = json!({"RoleName": "guest", "AssumeRolePolicyDocument": trust});
    world.done(&root(AWAY), "iam", "CreateRole", role).await;
    let ann = world.user(HOME, "ann", json!([allow("sts:AssumeRole", GUEST)]));
    ann.await
}

const GUEST: &str = "arn:aws:iam::444455556666:role/guest";

#[tokio::test]
async fn a_refusal_is_on_disk_before_its_answer() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let refused = world.call(&ann, "iam", "ListUsers", json!({})).await;
    assert!(refused.is_denied(), "{refused:?}");
    // The engine dies right after, at the first write it is asked for.
    for nth in 1.. {
        if !world.store.healthy() {
            break;
        }
        world.faults.fail_nth(nth);
        let bob = json!({"UserName": format!("bob-{nth}")});
        let reply = world.call(&root(HOME), "iam", "CreateUser", bob).await;
        assert!([200, 503].contains(&reply.status), "{reply:?}");
    }
    // What cannot be put on record is not answered, reads neither; the refusal is still there.
    let read = world
        .call(&root(HOME), "sts", "GetCallerIdentity", json!({}))
        .await;
    assert_eq!(
        (read.status, read.code().as_str()),
        (503, "ServiceUnavailable")
    );
    let left = world.disk.copy();
    left.crash(0);
    let record = record_on(&reopened(&left), refused.request_id).expect("it is on disk");
    assert!(matches!(call_of(&record).outcome, Outcome::Denied { .. }));
}

#[tokio::test]
async fn credentials_are_on_record_before_they_leave() {
    let world = World::new().await;
    let ann = neighbours(&world).await;
    let input = json!({"RoleArn": GUEST, "RoleSessionName": "s1"});
    let made = [
        world.done(&ann, "sts", "AssumeRole", input).await,
        world.done(&ann, "sts", "GetSessionToken", json!({})).await,
    ];
    let left = world.disk.copy();
    left.crash(0);
    let store = reopened(&left);
    for reply in made {
        let record = record_on(&store, reply.request_id).expect("it is on disk");
        let kept = String::from_utf8_lossy(&record.fact.call).into_owned();
        let given = reply.credentials();
        assert!(kept.contains(&given.access_key_id));
        assert!(!kept.contains(&given.secret) && !kept.contains(&given.token.expect("a token")));
    }
}

#[tokio::test]
async fn a_read_comes_to_the_record_by_itself() {
    let world = World::new().await;
    let reply = world.done(&root(HOME), "iam", "ListUsers", json!({})).await;
    let record = loop {
        match world.record(reply.request_id) {
            Some(record) => break record,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(call_of(&record).operation, "ListUsers");
}

#[tokio::test]
async fn with_strict_audit_a_read_is_on_disk_before_its_answer() {
    let mut plan = Plan::default();
    plan.settings.audit_strict = true;
    let world = World::of(plan).await;
    let reply = world.done(&root(HOME), "iam", "ListUsers", json!({})).await;
    let left = world.disk.copy();
    left.crash(0);
    assert!(record_on(&reopened(&left), reply.request_id).is_some());
}

#[tokio::test]
async fn a_call_across_accounts_shows_in_both_under_one_shared_id() {
    let world = World::new().await;
    let ann = neighbours(&world).await;
    let session = world.assume(&ann, GUEST).await;
    world
        .done(&session, "sts", "GetCallerIdentity", json!({}))
        .await;
    let here = events(&world, &root(HOME), "AssumeRole").await;
    let there = events(&world, &root(AWAY), "AssumeRole").await;
    let [here, there] = [&here[..], &there[..]].map(|events| match events {
        [one] => one.clone(),
        other => panic!("not one event: {other:?}"),
    });
    let shared = here["sharedEventID"].as_str().expect("a shared id");
    assert_eq!(there["sharedEventID"], shared);
    assert_ne!(here["eventID"], there["eventID"]);
    assert_eq!(here["recipientAccountId"], HOME);
    assert_eq!(there["recipientAccountId"], AWAY);
    // What the session did then is the other account's alone.
    let named = |events: Vec<Value>| events.len();
    assert_eq!(
        named(events(&world, &root(AWAY), "GetCallerIdentity").await),
        1
    );
    assert_eq!(
        named(events(&world, &root(HOME), "GetCallerIdentity").await),
        0
    );
}

#[tokio::test]
async fn a_refused_call_across_accounts_shows_to_the_caller_alone() {
    let world = World::new().await;
    neighbours(&world).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    let input = json!({"RoleArn": GUEST, "RoleSessionName": "s1"});
    let refused = world.call(&bob, "sts", "AssumeRole", input).await;
    assert!(refused.is_denied());
    assert_eq!(events(&world, &root(HOME), "AssumeRole").await.len(), 1);
    assert_eq!(events(&world, &root(AWAY), "AssumeRole").await.len(), 0);
}

#[tokio::test]
async fn two_accounts_do_not_see_each_other() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([allow("*", "*")])).await;
    let document = policy(json!([allow("s3:GetObject", "*")]));
    let made = json!({"PolicyName": "docs", "PolicyDocument": document});
    world.done(&root(HOME), "iam", "CreatePolicy", made).await;
    let own = world.done(&ann, "iam", "ListUsers", json!({})).await;
    let eve = world.user(AWAY, "eve", json!([allow("*", "*")])).await;

    let list = world.done(&eve, "iam", "ListUsers", json!({})).await;
    assert!(
        list.body.contains("eve") && !list.body.contains("ann"),
        "{list:?}"
    );
    let listed = world
        .done(&eve, "cloudtrail", "LookupEvents", json!({}))
        .await;
    assert!(!listed.body.contains(HOME), "{listed:?}");
    let code =
        async |operation, input: Value| world.call(&eve, "iam", operation, input).await.code();
    assert_eq!(
        code("GetUser", json!({"UserName": "ann"})).await,
        "NoSuchEntity"
    );
    let docs = "arn:aws:iam::111122223333:policy/docs";
    for operation in ["GetPolicy", "DeletePolicy"] {
        let input = json!({"PolicyArn": docs});
        assert_eq!(code(operation, input).await, "AccessDenied");
    }
    let id = json!({"Id": own.request_id.to_string()});
    let explained = world.call(&eve, "palisade", "Explain", id.clone()).await;
    assert_eq!(
        explained.code(),
        "ResourceNotFoundException",
        "{explained:?}"
    );
    world.done(&ann, "palisade", "Explain", id).await;
    // Nor do their names touch: the same user name is another user.
    world
        .done(&root(AWAY), "iam", "CreateUser", json!({"UserName": "ann"}))
        .await;
}

#[tokio::test]
async fn an_id_that_is_not_found_is_told_where_it_was_looked_for() {
    let world = World::new().await;
    let theirs = world.call(&root(AWAY), "iam", "ListUsers", json!({})).await;
    world.recorded(theirs.request_id).await;
    let mut said = Vec::new();
    let unknown = uuid::Uuid::from_u128(theirs.request_id.as_u128() ^ 1);
    for id in [theirs.request_id, unknown] {
        let input = json!({"Id": id.to_string()});
        let reply = world.call(&root(HOME), "palisade", "Explain", input).await;
        assert_eq!(reply.code(), "ResourceNotFoundException");
        said.push(reply.body.clone());
    }
    assert!(said[0].contains("2026-11-24T12:00:00Z on"), "{said:?}");
    assert_eq!(
        said[0], said[1],
        "another account's calls are no different from none"
    );
    let input = json!({"Id": "3fa85f64-5717-4562-b3fc-2c963f66afa6"});
    let reply = world.call(&root(HOME), "palisade", "Explain", input).await;
    assert!(reply.body.contains("no time in it"), "{reply:?}");
}

#[tokio::test]
async fn a_regional_call_shows_where_it_was_made_and_a_global_one_in_us_east_1() {
    let world = World::new().await;
    let nothing = json!({});
    let calls = [
        ("sts", "GetCallerIdentity", "eu-west-1"),
        ("iam", "ListUsers", "us-east-1"),
    ];
    for (service, operation, home) in calls {
        let ask = Ask::new(service, operation, &nothing).region("eu-west-1");
        let reply: Reply = world.send(&root(HOME), &ask).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        world.recorded(reply.request_id).await;
        let record = world.record(reply.request_id).expect("it is on record");
        let shown: Vec<&str> = record
            .fact
            .histories
            .iter()
            .map(|h| h.region.as_str())
            .collect();
        assert_eq!(shown, [home], "{operation}");
    }
}

#[tokio::test]
async fn who_is_not_known_comes_to_no_history() {
    let world = World::new().await;
    let mut stranger = root(HOME);
    stranger.secret.push('x');
    let before = world.store.head().position;
    for _ in 0..3 {
        let reply = world.call(&stranger, "iam", "ListUsers", json!({})).await;
        assert_eq!(reply.code(), "SignatureDoesNotMatch");
        assert!(world.record(reply.request_id).is_none());
    }
    world.store.flush().await.expect("the store writes");
    assert_eq!(world.store.head().position, before);
    let failures = world
        .done(
            &root(HOME),
            "palisade",
            "ListAuthenticationFailures",
            json!({}),
        )
        .await;
    assert!(
        failures.body.contains("SignatureDoesNotMatch"),
        "{failures:?}"
    );
    assert_eq!(failures.text("Count"), "3");
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_another_accounts_policy() {
    let settings = Settings {
        explain_denials: true,
        ..Settings::default()
    };
    let world = World::of(Plan {
        settings,
        ..Plan::default()
    })
    .await;
    let away = json!([
        {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"},
        {"Sid": "NotOnSundays", "Effect": "Deny", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"},
    ]);
    let role = json!({"RoleName": "guest", "AssumeRolePolicyDocument": policy(away)});
    world.done(&root(AWAY), "iam", "CreateRole", role).await;
    let own = json!([allow("sts:AssumeRole", GUEST),
        {"Sid": "NoUsers", "Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*"}]);
    let ann = world.user(HOME, "ann", own).await;
    let assume = json!({"RoleArn": GUEST, "RoleSessionName": "s1"});
    for (service, operation, input, sid, told) in [
        ("sts", "AssumeRole", assume, "NotOnSundays", false),
        ("iam", "ListUsers", json!({}), "NoUsers", true),
    ] {
        let refused = world.call(&ann, service, operation, input).await;
        assert!(refused.is_denied(), "{refused:?}");
        let text = refused.text("Message");
        let (_, encoded) = text.split_once("failure message: ").expect("a message");
        let input = json!({"EncodedMessage": encoded});
        let decoded = world
            .done(&root(HOME), "sts", "DecodeAuthorizationMessage", input)
            .await;
        assert!(decoded.body.contains("explicitDeny"), "{decoded:?}");
        assert_eq!(decoded.body.contains(sid), told, "{decoded:?}");
    }
}

#[tokio::test]
async fn the_key_that_signed_shows_to_its_own_account_only() {
    let world = World::new().await;
    let ann = neighbours(&world).await;
    let input = json!({"RoleArn": GUEST, "RoleSessionName": "s1"});
    let made = world.done(&ann, "sts", "AssumeRole", input).await;
    world.store.flush().await.expect("the store writes");
    for (account, shown) in [(HOME, true), (AWAY, false)] {
        let input = json!({"Id": made.request_id.to_string()});
        let told = world
            .done(&root(account), "palisade", "Explain", input)
            .await;
        let told = told.body.contains(&ann.access_key_id);
        assert_eq!(told, shown, "{account}");
    }
}

#[tokio::test]
async fn a_server_that_is_let_go_writes_what_waits_first() {
    let (disk, id) = {
        let world = World::new().await;
        let read = world.done(&root(HOME), "iam", "ListUsers", json!({})).await;
        assert!(world.record(read.request_id).is_none(), "reads wait");
        (world.disk, read.request_id)
    };
    let record = record_on(&reopened(&disk), id).expect("it is on disk");
    assert_eq!(call_of(&record).operation, "ListUsers");
}
