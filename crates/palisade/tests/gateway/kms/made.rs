//! Keys made at the same time: each once, and what comes to nothing leaves nothing in the vault.

use std::sync::Arc;

use super::*;

/// How many materials the vault holds that a row names, and how many that none does.
fn materials(world: &World) -> (usize, usize) {
    let tx = world.store.begin().expect("it reads");
    let mut named = palisade_kms::NamedMaterials::of(&tx).expect("it reads");
    let kept = world
        .keys
        .keep_only(&mut |domain, id| named.claim(domain, id));
    let kept = kept.expect("it is in memory");
    assert_eq!(named.unclaimed(), 0, "all that is named is there");
    (kept.kept, kept.destroyed)
}

/// The codes of as many calls at once.
async fn at_once(
    world: &Arc<World>,
    times: usize,
    operation: &'static str,
    input: Value,
) -> Vec<String> {
    let calls = (0..times).map(|_| {
        let (world, input) = (Arc::clone(world), input.clone());
        tokio::spawn(async move { code(&as_root(&world, operation, input).await) })
    });
    let mut codes = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        codes.push(call.await.expect("it ends"));
    }
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_made_at_the_same_time_without_running_again() {
    let world = Arc::new(World::new().await);
    let before = world.conflicts();
    let rsa = json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"});
    assert_eq!(at_once(&world, 4, "CreateKey", rsa).await, ["ok"; 4]);
    assert_eq!(at_once(&world, 8, "CreateKey", json!({})).await, ["ok"; 8]);
    assert_eq!(materials(&world), (12, 0));
    // Two ids may lead to the same part of the count.
    assert!(world.conflicts() - before <= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_run_again_leave_no_material_behind() {
    let world = Arc::new(World::new().await);
    let id = key(&world, json!({})).await;
    let rotated = at_once(&world, 30, "RotateKeyOnDemand", json!({"KeyId": id})).await;
    let done = rotated.iter().filter(|code| *code == "ok").count();
    assert_eq!(done, 25, "{rotated:?}");
    assert_eq!(materials(&world), (26, 0));
}

#[tokio::test]
async fn what_may_not_be_made_is_not_made() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let rsa = json!({"KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY"});
    let refused = world.call(&ann, KMS, "CreateKey", rsa).await;
    assert_eq!(refused.code(), "AccessDeniedException");
    assert_eq!(materials(&world), (0, 0));
}
