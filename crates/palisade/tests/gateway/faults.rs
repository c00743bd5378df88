//! The engine fails, at each call in turn, under every operation that changes something or gives credentials: what was answered is
//! there whole, what was not is there whole or not at all; no write stands without its record, and no record without its writes.

use std::collections::BTreeMap;

use palisade_core::operation::{CallKind, OperationRow};
use palisade_core::record::Outcome;
use palisade_store::engine::Space;
use palisade_store::testing::Disk;
use palisade_store::{Record, Write};
use serde_json::json;

use crate::kit::standing::Standing;
use crate::kit::{CUT, HOME, Plan, Reply, allow, call_of, record_on, reopened};
use crate::rows::every_row;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The most engine calls an operation may make before the loop is taken for endless.
const CALLS_MAX: u64 = 500;

fn rows(disk: &Disk) -> Rows {
    disk.rows(Space::State).into_iter().collect()
}

/// The keys whose rows differ.
fn changed<'a>(before: &'a Rows, after: &'a Rows) -> Vec<&'a [u8]> {
    let added = after
        .keys()
        .filter(|key| before.get(*key) != after.get(*key));
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    added.chain(removed).map(Vec::as_slice).collect()
}

fn names(write: &Write, row: &[u8]) -> bool {
    let table = write.row.table().as_bytes();
    row.ends_with(write.row.key_bytes()) && row.windows(table.len()).any(|part| part == table)
}

/// What became of one run.
struct Run {
    /// Whether no engine call failed.
    is_clean: bool,
    /// How many rows are others than before.
    changed: usize,
}

/// Runs an operation with the `nth` engine call failing, pulls the plug, and looks at what is left.
async fn run(template: &Standing, service: &'static str, row: &OperationRow, nth: u64) -> Run {
    let standing = template.again().await;
    let world = &standing.world;
    world.store.flush().await.expect("nothing fails yet");
    let before = rows(&world.disk);
    let met = world.faults.failed();
    world.faults.fail_nth(nth);
    let reply = standing.call(&standing.caller, service, row.name).await;
    let is_clean = world.faults.failed() == met;
    world.faults.fail_nth(0);

    let left = world.disk.copy();
    left.crash(0);
    let (after, store) = (rows(&left), reopened(&left));
    let changed = changed(&before, &after);
    let record = record_on(&store, reply.request_id);
    let name = format!("{service}:{}, call {nth}", row.name);
    check(&name, &reply, record.as_ref(), &changed);
    assert_eq!(
        store.journal().verify().expect("it reads").damages,
        [],
        "{name}"
    );
    let succeeds = standing
        .example(service, row.name)
        .answer
        .is_some_and(|code| code.is_empty());
    if is_clean && succeeds {
        assert_eq!(reply.status / 100, 2, "{name}: {reply:?}");
    }
    Run {
        is_clean,
        changed: changed.len(),
    }
}

fn check(name: &str, reply: &Reply, record: Option<&Record>, changed: &[&[u8]]) {
    let succeeded = reply.status / 100 == 2;
    let Some(record) = record else {
        assert!(!succeeded, "{name}: answered off the record: {reply:?}");
        assert!(changed.is_empty(), "{name}: written off the record");
        return;
    };
    let outcome = call_of(record).outcome;
    if succeeded {
        assert_eq!(outcome, Outcome::Success, "{name}");
    } else {
        assert!([CUT, 500, 503].contains(&reply.status), "{name}: {reply:?}");
    }
    for row in changed {
        let explained = record.writes.iter().any(|write| names(write, row));
        assert!(explained, "{name}: {} changed", row.escape_ascii());
    }
}

#[tokio::test]
async fn failing_each_engine_call_in_turn_never_leaves_half_a_call() {
    let template = Standing::new(Plan::default()).await;
    template
        .world
        .allow(HOME, "caller", json!([allow("*", "*")]))
        .await;
    let mut operations = 0;
    for (service, row) in every_row() {
        if row.kind == CallKind::Read && !row.gives_credentials {
            continue;
        }
        // What is answered with an error writes nothing that could be half-done.
        if template
            .example(service, row.name)
            .answer
            .is_some_and(|code| !code.is_empty())
        {
            continue;
        }
        operations += 1;
        let mut runs = Vec::new();
        let clean = loop {
            let run = run(&template, service, row, runs.len() as u64 + 1).await;
            if run.is_clean {
                break run;
            }
            runs.push(run);
            assert!(
                (runs.len() as u64) < CALLS_MAX,
                "{service}:{} has no end",
                row.name
            );
        };
        assert!(
            runs.len() > 1,
            "{service}:{} met only {} failures",
            row.name,
            runs.len()
        );
        for run in runs {
            assert!(
                run.changed == 0 || run.changed == clean.changed,
                "{service}:{} was half written",
                row.name
            );
        }
        let example = template.example(service, row.name);
        let writes_state =
            example.answer.is_some() && row.kind == CallKind::Write && service == "iam";
        assert!(
            !writes_state || clean.changed > 0,
            "{service}:{} changes nothing",
            row.name
        );
    }
    assert!(
        operations > 40,
        "only {operations} operations change anything"
    );
}
