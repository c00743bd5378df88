//! Calls that meet: each sees all of what came before it in the order of commits, the policies that decide included.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use palisade_core::operation::CallKind;
use palisade_core::{Call, CallError, Handlers, Service};
use palisade_model::Structure;
use palisade_store::Table;
use serde_json::json;

use crate::kit::probe::{Probe, row};
use crate::kit::{HOME, World, allow, root};

static KEYS: Table<(String,), String> = Table::new("test.key");

/// A handler that lets a test act between what it reads and what is committed.
type Meanwhile = Box<dyn Fn(u64, &Call<'_>) + Send + Sync>;

fn service(meanwhile: Meanwhile) -> Arc<dyn Service> {
    let runs = AtomicU64::new(0);
    let create = move |call: &mut Call<'_>, _: Structure| -> Result<Structure, CallError> {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        meanwhile(run, call);
        let id = call.context.request_id.to_string();
        call.tx.put(&KEYS, &(id.as_str(),), &"made".to_owned())?;
        Ok(Structure::new())
    };
    let rows = vec![row("CreateKey", CallKind::Write, "kms:CreateKey")];
    Probe::service("kms", rows, Handlers::new().on("CreateKey", create))
}

/// Takes away the policy `only` of a user, while a call of his runs.
fn revoke(call: &Call<'_>, user: &str) {
    let (store, user) = (call.env.store.clone(), user.to_owned());
    let revoking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        // Another front on the same state.
        runtime.block_on(async {
            let world = World::beside(&store);
            let input = json!({"UserName": user, "PolicyName": "only"});
            world
                .done(&root(HOME), "iam", "DeleteUserPolicy", input)
                .await;
        });
    });
    revoking.join().expect("the policy is revoked");
}

#[tokio::test]
async fn a_write_is_refused_when_its_permission_was_revoked_before_it_was_committed() {
    let meanwhile: Meanwhile = Box::new(|run, call| {
        if run == 1 {
            revoke(call, "ann");
        }
    });
    let world = World::with(vec![service(meanwhile)]).await;
    let ann = world
        .user(HOME, "ann", json!([allow("kms:CreateKey", "*")]))
        .await;
    let reply = world.call(&ann, "kms", "CreateKey", json!({})).await;
    assert!(reply.is_denied(), "{reply:?}");
    let tx = world.store.begin().expect("it reads");
    assert_eq!(tx.range(&KEYS, &(), None, 9).expect("it reads").len(), 0);
    // On record once, as refused, after the revocation.
    let (call, _) = world.recorded(reply.request_id).await;
    assert!(matches!(
        call.outcome,
        palisade_core::record::Outcome::Denied { .. }
    ));
}

#[tokio::test]
async fn a_write_of_a_user_who_was_deleted_meanwhile_is_not_done() {
    let meanwhile: Meanwhile = Box::new(|run, call| {
        if run > 1 {
            return;
        }
        let store = call.env.store.clone();
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let world = World::beside(&store);
                let key = world
                    .done(
                        &root(HOME),
                        "iam",
                        "ListAccessKeys",
                        json!({"UserName": "ann"}),
                    )
                    .await;
                let steps = [
                    (
                        "DeleteAccessKey",
                        json!({"UserName": "ann", "AccessKeyId": key.text("AccessKeyId")}),
                    ),
                    (
                        "DeleteUserPolicy",
                        json!({"UserName": "ann", "PolicyName": "only"}),
                    ),
                    ("DeleteUser", json!({"UserName": "ann"})),
                ];
                for (operation, input) in steps {
                    world.done(&root(HOME), "iam", operation, input).await;
                }
            });
        });
        deleting.join().expect("the user is deleted");
    });
    let world = World::with(vec![service(meanwhile)]).await;
    let ann = world
        .user(HOME, "ann", json!([allow("kms:CreateKey", "*")]))
        .await;
    let reply = world.call(&ann, "kms", "CreateKey", json!({})).await;
    assert_eq!(reply.code(), "UnrecognizedClientException", "{reply:?}");
    let tx = world.store.begin().expect("it reads");
    assert_eq!(tx.range(&KEYS, &(), None, 9).expect("it reads").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_race_for_one_name_one_gets_it() {
    let world = Arc::new(World::new().await);
    let racing = (0..16).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let input = json!({"UserName": "ann"});
            world
                .call(&root(HOME), "iam", "CreateUser", input)
                .await
                .code()
        })
    });
    let mut codes = Vec::new();
    for code in racing.collect::<Vec<_>>() {
        codes.push(code.await.expect("it ends"));
    }
    codes.sort();
    assert_eq!(codes[0], "", "one is done");
    assert!(
        codes[1..].iter().all(|code| code == "EntityAlreadyExists"),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_limit_holds_against_calls_that_race_for_the_last_place() {
    let world = Arc::new(World::new().await);
    world
        .done(&root(HOME), "iam", "CreateUser", json!({"UserName": "ann"}))
        .await;
    let racing = (0..12).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let input = json!({"UserName": "ann"});
            world
                .call(&root(HOME), "iam", "CreateAccessKey", input)
                .await
                .code()
        })
    });
    let mut done = 0;
    for code in racing.collect::<Vec<_>>() {
        match code.await.expect("it ends").as_str() {
            "" => done += 1,
            code => assert_eq!(code, "LimitExceeded"),
        }
    }
    assert_eq!(done, 2, "a user has two keys at most");
}
