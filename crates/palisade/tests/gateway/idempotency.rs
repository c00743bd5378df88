//! A call that is made again with its token is answered again, and done once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use palisade_core::operation::CallKind;
use palisade_core::{Call, CallError, Handlers, Service};
use palisade_model::{ApiError, Structure};
use palisade_store::Table;
use serde_json::{Value, json};

use crate::kit::probe::{Probe, row};
use crate::kit::{AWAY, Ask, HOME, Plan, Reply, Who, World, allow, root};

static VOLUMES: Table<(String,), u64> = Table::new("test.volume");

/// EC2's CreateVolume and GuardDuty's CreateDetector, which number what they make; how often a handler ran.
fn services() -> (Vec<Arc<dyn Service>>, Arc<AtomicU64>) {
    let runs = Arc::new(AtomicU64::new(0));
    let create = |member: &'static str, runs: Arc<AtomicU64>| {
        move |call: &mut Call<'_>, input: Structure| -> Result<Structure, CallError> {
            let number = runs.fetch_add(1, Ordering::SeqCst) + 1;
            if input.get("SnapshotId").is_some() {
                return Err(ApiError::sender("InvalidSnapshot.NotFound", "There is none.").into());
            }
            let id = format!("id-{number}");
            call.tx.put(&VOLUMES, &(id.as_str(),), &number)?;
            Ok(Structure::new().with(member, id))
        }
    };
    let service = |id, operation, action, member| {
        let rows = vec![row(operation, CallKind::Write, action)];
        let handlers = Handlers::new().on(operation, create(member, runs.clone()));
        Probe::service(id, rows, handlers)
    };
    let services = vec![
        service("ec2", "CreateVolume", "ec2:CreateVolume", "VolumeId"),
        service(
            "guardduty",
            "CreateDetector",
            "guardduty:CreateDetector",
            "DetectorId",
        ),
    ];
    (services, runs)
}

async fn volume(world: &World, who: &Who, more: Value) -> Reply {
    let mut input = json!({"AvailabilityZone": "us-east-1a", "ClientToken": "t-1"});
    let members = input.as_object_mut().expect("an object");
    members.extend(more.as_object().cloned().expect("an object"));
    world.call(who, "ec2", "CreateVolume", input).await
}

#[tokio::test]
async fn the_same_token_and_input_get_the_same_answer_and_are_done_once() {
    let (services, runs) = services();
    let world = World::with(services).await;
    let first = volume(&world, &root(HOME), json!({})).await;
    assert_eq!(
        (first.status, first.text("volumeId").as_str()),
        (200, "id-1"),
        "{first:?}"
    );
    let again = volume(&world, &root(HOME), json!({})).await;
    assert_eq!(
        (again.status, again.text("volumeId").as_str()),
        (200, "id-1")
    );
    assert_ne!(again.request_id, first.request_id);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // Both are on record, and the answer is nowhere in clear.
    let (call, questions) = world.recorded(again.request_id).await;
    assert_eq!(
        (call.operation.as_str(), questions.len()),
        ("CreateVolume", 1)
    );
    let kept = world.state().into_iter().filter(|(key, _)| {
        let table = b"core.idempotent-answer";
        key.windows(table.len()).any(|part| part == table)
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.len(), 1);
    assert!(!String::from_utf8_lossy(&kept[0].1).contains("id-1"));
}

#[tokio::test]
async fn the_same_token_with_another_input_is_refused_in_the_familys_words() {
    let (services, runs) = services();
    let world = World::with(services).await;
    volume(&world, &root(HOME), json!({})).await;
    let other = volume(&world, &root(HOME), json!({"Size": 8})).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (400, "IdempotentParameterMismatch")
    );
    let detector = |enable: bool| json!({"Enable": enable, "ClientToken": "t-1"});
    let made = world
        .done(&root(HOME), "guardduty", "CreateDetector", detector(true))
        .await;
    assert_eq!(
        made.text("detectorId"),
        "id-2",
        "another operation is another table"
    );
    let other = world
        .call(&root(HOME), "guardduty", "CreateDetector", detector(false))
        .await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (400, "BadRequestException")
    );
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_counts_for_its_account_and_region_alone() {
    let (services, runs) = services();
    let world = World::with(services).await;
    let input = json!({"AvailabilityZone": "a", "ClientToken": "t-1"});
    let ask = Ask::new("ec2", "CreateVolume", &input);
    for (who, ask) in [
        (root(HOME), ask.clone()),
        (root(AWAY), ask.clone()),
        (root(HOME), ask.region("eu-west-1")),
    ] {
        assert_eq!(world.send(&who, &ask).await.status, 200);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn calls_without_a_token_and_calls_that_failed_are_done_again() {
    let (services, runs) = services();
    let world = World::with(services).await;
    for expected in ["id-1", "id-2"] {
        let input = json!({"AvailabilityZone": "a"});
        let reply = world.done(&root(HOME), "ec2", "CreateVolume", input).await;
        assert_eq!(reply.text("volumeId"), expected);
    }
    for _ in 0..2 {
        let failed = volume(&world, &root(HOME), json!({"SnapshotId": "snap-1"})).await;
        assert_eq!(failed.code(), "InvalidSnapshot.NotFound");
    }
    assert_eq!(
        volume(&world, &root(HOME), json!({}))
            .await
            .text("volumeId"),
        "id-5"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn who_may_not_make_the_call_gets_no_answer_of_it_either() {
    let (services, _) = services();
    let world = World::with(services).await;
    let ann = world.user(HOME, "ann", json!([allow("ec2:*", "*")])).await;
    assert_eq!(volume(&world, &ann, json!({})).await.status, 200);
    world.allow(HOME, "ann", json!([])).await;
    let refused = volume(&world, &ann, json!({})).await;
    assert!(refused.is_denied(), "{refused:?}");
}

#[tokio::test]
async fn a_token_counts_for_a_day_over_midnight_and_a_restart() {
    let (services, runs) = services();
    let world = World::with(services.clone()).await;
    volume(&world, &root(HOME), json!({})).await;
    // Twelve hours on it is tomorrow, and another process.
    let hours = |n: u64| Duration::from_secs(n * 3600);
    world.clock.advance(hours(23));
    world.store.flush().await.expect("the store writes");
    let next = World::of(Plan {
        disk: world.disk.copy(),
        services,
        now_ms: palisade_store::Clock::now(&*world.clock).0,
        ..Plan::default()
    })
    .await;
    assert_eq!(
        volume(&next, &root(HOME), json!({})).await.text("volumeId"),
        "id-1"
    );
    next.clock.advance(hours(1));
    assert_eq!(
        volume(&next, &root(HOME), json!({"Size": 8}))
            .await
            .text("volumeId"),
        "id-2"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    // What nobody can ask for any more is cleared away by later calls.
    next.clock.advance(hours(72));
    volume(&next, &root(HOME), json!({"Size": 9})).await;
    let table = b"core.idempotent-answer";
    let rows = next.state().into_iter();
    let kept = rows.filter(|(key, _)| key.windows(table.len()).any(|part| part == table));
    assert_eq!(kept.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_race_with_one_token_one_is_done() {
    let (services, _) = services();
    let world = Arc::new(World::with(services).await);
    let racing = (0..8).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { volume(&world, &root(HOME), json!({})).await })
    });
    let mut ids = Vec::new();
    for reply in racing.collect::<Vec<_>>() {
        ids.push(reply.await.expect("it ends").text("volumeId"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let table = b"test.volume";
    let rows = world.state().into_iter();
    let made = rows.filter(|(key, _)| key.windows(table.len()).any(|part| part == table));
    assert_eq!(made.count(), 1);
}
