//! A defect in a service ends its own call: with the protocol's internal failure, on record, and nothing of it written.

use palisade_core::operation::CallKind;
use palisade_core::record::Outcome;
use palisade_core::{Call, CallError, Handlers};
use palisade_model::Structure;
use palisade_store::Table;
use serde_json::json;

use crate::kit::probe::{PANICS, Probe, asking, row};
use crate::kit::{HOME, World, root};

static HALVES: Table<(String,), u64> = Table::new("test.half");

fn writes_and_panics(call: &mut Call<'_>, _: Structure) -> Result<Structure, CallError> {
    call.tx.put(&HALVES, &("one",), &1)?;
    panic!("a handler's defect")
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_internal_failure_on_record_and_writes_nothing() {
    let probe = |service, operation, action| {
        let rows = vec![row(operation, CallKind::Write, action)];
        Probe::service(
            service,
            rows,
            Handlers::new().on(operation, writes_and_panics),
        )
    };
    let world = World::with(vec![
        probe("ec2", "CreateVpc", "ec2:CreateVpc"),
        probe("kms", "CreateKey", "kms:CreateKey"),
        probe("guardduty", "CreateDetector", "guardduty:CreateDetector"),
    ])
    .await;
    let calls = [
        ("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})),
        ("kms", "CreateKey", json!({})),
        ("guardduty", "CreateDetector", json!({"Enable": true})),
    ];
    for (service, operation, input) in calls {
        let before = world.state();
        let reply = world.call(&root(HOME), service, operation, input).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (500, "InternalFailure"),
            "{reply:?}"
        );
        let (call, _) = world.recorded(reply.request_id).await;
        assert!(
            matches!(call.outcome, Outcome::Failed { ref code, .. } if code == "InternalFailure")
        );
        assert_eq!(before, world.state());
    }
    world
        .done(&root(HOME), "sts", "GetCallerIdentity", json!({}))
        .await;
}

#[tokio::test]
async fn a_panic_in_a_resolver_allows_nothing() {
    let rows = vec![asking(
        "CreateKey",
        CallKind::Write,
        "kms:CreateKey",
        PANICS,
    )];
    let handlers = Handlers::new().on("CreateKey", writes_and_panics);
    let world = World::with(vec![Probe::service("kms", rows, handlers)]).await;
    let reply = world.call(&root(HOME), "kms", "CreateKey", json!({})).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (500, "InternalFailure")
    );
    let (call, questions) = world.recorded(reply.request_id).await;
    assert!(matches!(call.outcome, Outcome::Failed { .. }));
    assert!(questions.is_empty());
}
