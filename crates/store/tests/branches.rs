//! Branches: a what-if over the real state, recorded, and never kept.

use palisade_store::{
    BranchError, BranchLimits, Clock as _, CommitError, Durability, Fact, Forget, History,
    ManualClock, Millis, Options, Position, Store, Table,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

static NOTES: Table<(u64,), String> = Table::new("test.note");

fn fact(call: &str) -> Fact {
    Fact {
        histories: vec![History::new("1", "r")],
        call: call.into(),
        ..Fact::default()
    }
}

async fn put(store: &Store, key: u64, value: &str) {
    let mut tx = store.begin().unwrap();
    tx.put(&NOTES, &(key,), &value.to_owned()).unwrap();
    store
        .commit(tx, fact("Put"), Durability::Durable)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_branch_sees_its_base_and_its_own_writes_and_leaves_only_its_record() {
    let store = Store::open_memory(Options::default()).unwrap();
    put(&store, 1, "one").await;
    put(&store, 2, "two").await;
    let branch = store.branch(store.head().position).unwrap();
    put(&store, 1, "changed since").await;
    let mut tx = store.begin_on(branch).unwrap();
    assert_eq!(
        tx.get_cached(&NOTES, &(1u64,)).unwrap().unwrap().as_str(),
        "one"
    );
    tx.put(&NOTES, &(1u64,), &"what if".to_owned()).unwrap();
    tx.delete(&NOTES, &(2u64,)).unwrap();
    tx.put(&NOTES, &(3u64,), &"new".to_owned()).unwrap();
    let committed = store
        .commit(tx, fact("WhatIf"), Durability::Lazy)
        .await
        .unwrap();
    // On the branch it happened.
    let tx = store.begin_on(branch).unwrap();
    let expected = [((1,), "what if".to_owned()), ((3,), "new".to_owned())];
    assert_eq!(tx.range(&NOTES, &(), None, 9).unwrap(), expected);
    assert_eq!(
        tx.get_cached(&NOTES, &(1u64,)).unwrap().unwrap().as_str(),
        "what if"
    );
    // The real state is as it was.
    let tx = store.begin().unwrap();
    assert_eq!(
        tx.get_cached(&NOTES, &(1u64,)).unwrap().unwrap().as_str(),
        "changed since"
    );
    assert_eq!(tx.range(&NOTES, &(), None, 9).unwrap().len(), 2);
    // The journal has the call, and says that it was on the branch.
    let record = store
        .journal()
        .at(committed.position.unwrap())
        .unwrap()
        .unwrap();
    assert_eq!((record.branch, record.writes.len()), (Some(branch), 0));
    assert_eq!(record.read_at, Position(2));
    // And what it would have changed can be listed.
    let writes = store.branch_writes(branch).unwrap();
    let listed: Vec<_> = writes
        .iter()
        .map(|write| {
            let (before, after) = (
                write.before_as::<String>().unwrap(),
                write.after_as::<String>().unwrap(),
            );
            (
                write.row.table().to_owned(),
                write.row.key(&NOTES).unwrap().0,
                before,
                after,
            )
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    let table = || "test.note".to_owned();
    assert_eq!(
        listed,
        [
            (table(), 1, text("one"), text("what if")),
            (table(), 2, text("two"), None),
            (table(), 3, None, text("new"))
        ]
    );
    assert!(store.drop_branch(branch));
    assert!(matches!(store.begin_on(branch), Err(BranchError::Gone(_))));
    assert_eq!(store.journal().verify().unwrap().damages, []);
}

#[tokio::test]
async fn commits_on_a_branch_conflict_with_one_another_and_not_with_the_real_state() {
    let store = Store::open_memory(Options::default()).unwrap();
    put(&store, 1, "one").await;
    let branch = store.branch(Position(1)).unwrap();
    let other = store.branch(Position(1)).unwrap();
    assert_ne!(branch, other);
    let write = |id| {
        let mut tx = store.begin_on(id).unwrap();
        let value = tx.get(&NOTES, &(1u64,)).unwrap().unwrap() + "+";
        tx.put(&NOTES, &(1u64,), &value).unwrap();
        tx
    };
    let (first, second, apart) = (write(branch), write(branch), write(other));
    put(&store, 1, "real").await;
    store
        .commit(first, fact("A"), Durability::Durable)
        .await
        .unwrap();
    let refused = store.commit(second, fact("B"), Durability::Durable).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    store
        .commit(apart, fact("C"), Durability::Durable)
        .await
        .unwrap();
    store
        .commit(write(branch), fact("D"), Durability::Durable)
        .await
        .unwrap();
    let value = |id| {
        store
            .begin_on(id)
            .unwrap()
            .get(&NOTES, &(1u64,))
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        (value(branch), value(other)),
        ("one++".into(), "one+".into())
    );
}

#[tokio::test]
async fn branches_are_bounded_in_number_size_and_time() {
    let clock = Arc::new(ManualClock::new(Millis(1_000_000)));
    let limits = BranchLimits {
        count_max: 2,
        rows_max: 3,
        bytes_max: 10_000,
        lifetime: Duration::from_secs(60),
    };
    let options = Options {
        clock: clock.clone(),
        branches: limits,
        ..Options::default()
    };
    let store = Store::open_memory(options).unwrap();
    let (first, second) = (
        store.branch(Position(0)).unwrap(),
        store.branch(Position(0)).unwrap(),
    );
    assert!(matches!(
        store.branch(Position(0)),
        Err(BranchError::TooMany(2))
    ));
    let mut tx = store.begin_on(first).unwrap();
    for key in 0..4u64 {
        tx.put(&NOTES, &(key,), &String::new()).unwrap();
    }
    assert!(matches!(
        store.commit(tx, fact("Rows"), Durability::Durable).await,
        Err(CommitError::BranchFull(_))
    ));
    let mut tx = store.begin_on(first).unwrap();
    tx.put(&NOTES, &(0u64,), &"x".repeat(20_000)).unwrap();
    assert!(matches!(
        store.commit(tx, fact("Bytes"), Durability::Durable).await,
        Err(CommitError::BranchFull(_))
    ));
    assert_eq!(store.branch_writes(first).unwrap(), []);
    let late = store.begin_on(second).unwrap();
    clock.advance(Duration::from_secs(60));
    assert!(matches!(store.begin_on(first), Err(BranchError::Gone(_))));
    let third = store.branch(Position(0)).unwrap();
    assert!(third > second, "no name is used twice");
    let mut late = late;
    late.put(&NOTES, &(0u64,), &String::new()).unwrap();
    store.drop_branch(second);
    assert!(matches!(
        store.commit(late, fact("Late"), Durability::Durable).await,
        Err(CommitError::BranchGone(_))
    ));
    assert_eq!(clock.now(), Millis(1_060_000));
}

#[tokio::test]
async fn the_past_cannot_be_written_nor_the_future_read_and_a_branch_keeps_its_base() {
    let store = Store::open_memory(Options::default()).unwrap();
    for n in 0..10 {
        put(&store, 1, &n.to_string()).await;
    }
    let mut tx = store.as_of(Position(3)).unwrap();
    assert_eq!(tx.get(&NOTES, &(1u64,)).unwrap().as_deref(), Some("2"));
    tx.put(&NOTES, &(1u64,), &"x".to_owned()).unwrap();
    assert!(matches!(
        store.commit(tx, fact("Past"), Durability::Durable).await,
        Err(CommitError::ReadOnly)
    ));
    assert!(store.as_of(Position(11)).is_err());
    assert!(matches!(
        store.branch(Position(11)),
        Err(BranchError::Base(_))
    ));
    let branch = store.branch(Position(5)).unwrap();
    let ask = Forget {
        states: Position(9),
        records: Position(9),
    };
    let forgotten = store.forget(ask, fact("Forget")).await.unwrap();
    assert_eq!(forgotten.horizons.state, Position(5));
    assert_eq!(
        store
            .begin_on(branch)
            .unwrap()
            .get(&NOTES, &(1u64,))
            .unwrap()
            .as_deref(),
        Some("4")
    );
    store.drop_branch(branch);
    assert_eq!(
        store
            .forget(ask, fact("Forget"))
            .await
            .unwrap()
            .horizons
            .state,
        Position(9)
    );
    assert!(store.branch(Position(5)).is_err());
    let mut calls = 0;
    let count = &mut |_| {
        calls += 1;
        ControlFlow::Continue(())
    };
    store.journal().read(Position(0), count).unwrap();
    assert_eq!(calls, 12 - 8);
}
