//! Followers meet every commit once and in order, whatever is committed around them.

use palisade_store::engine::memory::MemoryEngine;
use palisade_store::testing::SteppedStore;
use palisade_store::{
    Derived, DerivedBatch, Durability, Fact, FollowError, Follower, History, Options, Position,
    Record, Store, Table,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

static NOTES: Table<(u64,), u64> = Table::new("test.note");
static COUNTS: Derived<(String,), u64> = Derived::new("test.count");

/// Counts calls by name, and keeps the positions that it met.
struct Counter {
    met: Arc<Mutex<Vec<u64>>>,
    failures: Arc<AtomicU32>,
}

impl Follower for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok()
        {
            return Err("not now".into());
        }
        for record in records {
            let name = String::from_utf8(record.fact.call.clone())?;
            let count = out.get(&COUNTS, &(name.as_str(),))?.unwrap_or(0);
            out.put(&COUNTS, &(name,), &(count + 1))?;
            self.met.lock().unwrap().push(record.position.0);
        }
        Ok(())
    }
}

fn fact(call: &str) -> Fact {
    Fact {
        histories: vec![History::new("1", "r")],
        call: call.into(),
        ..Fact::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_commit_is_skipped_or_met_twice_while_slow_and_fast_ones_interleave() {
    let store = Store::open_memory(Options::default()).unwrap();
    let (met, failures) = (Arc::default(), Arc::new(AtomicU32::new(1)));
    let follower = store
        .follow(Counter {
            met: Arc::clone(&met),
            failures,
        })
        .unwrap();
    let tasks = (0..6u64).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..30u64 {
                let mut tx = store.begin().unwrap();
                if task == 0 {
                    // The slow one: begins, lets the others pass, commits late.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let durability = if task % 2 == 0 {
                    tx.put(&NOTES, &(task * 100 + n,), &n).unwrap();
                    Durability::Durable
                } else {
                    Durability::Lazy
                };
                store
                    .commit(
                        tx,
                        fact(if task == 0 { "Slow" } else { "Fast" }),
                        durability,
                    )
                    .await
                    .unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    store.flush().await.unwrap();
    follower.caught_up(Position(180)).await.unwrap();
    assert_eq!(*met.lock().unwrap(), (1..=180).collect::<Vec<_>>());
    let tx = store.begin().unwrap();
    assert_eq!(tx.derived(&COUNTS, &("Slow",)).unwrap(), Some(30));
    assert_eq!(tx.derived(&COUNTS, &("Fast",)).unwrap(), Some(150));
    assert_eq!(follower.status().failing, None);
}

#[tokio::test]
async fn a_follower_goes_on_where_its_rows_end() {
    let folder = tempfile::tempdir().unwrap();
    let met: Arc<Mutex<Vec<u64>>> = Arc::default();
    for round in 1..=3u64 {
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let follower = store
            .follow(Counter {
                met: met.clone(),
                failures: Arc::default(),
            })
            .unwrap();
        for _ in 0..10 {
            let tx = store.begin().unwrap();
            store
                .commit(tx, fact("Call"), Durability::Durable)
                .await
                .unwrap();
        }
        follower.caught_up(Position(round * 10)).await.unwrap();
        assert_eq!(
            store.begin().unwrap().derived(&COUNTS, &("Call",)).unwrap(),
            Some(round * 10)
        );
    }
    assert_eq!(*met.lock().unwrap(), (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn derived_rows_are_neither_journaled_nor_versioned_and_no_record_is_forgotten_before_its_followers_had_it()
 {
    let store = Store::open_memory(Options::default()).unwrap();
    let failures = Arc::new(AtomicU32::new(u32::MAX));
    let follower = store
        .follow(Counter {
            met: Arc::default(),
            failures: failures.clone(),
        })
        .unwrap();
    for _ in 0..10 {
        let tx = store.begin().unwrap();
        store
            .commit(tx, fact("Call"), Durability::Durable)
            .await
            .unwrap();
    }
    let all = palisade_store::Forget {
        states: Position(99),
        records: Position(99),
    };
    let forgotten = store.forget(all, fact("Forget")).await.unwrap();
    assert_eq!(
        forgotten.horizons.journal,
        Position(1),
        "the follower has had nothing yet"
    );
    failures.store(0, Ordering::SeqCst);
    follower.caught_up(Position(11)).await.unwrap();
    assert_eq!(store.head().position, Position(11));
    let forgotten = store.forget(all, fact("Forget")).await.unwrap();
    assert_eq!(forgotten.horizons.journal, Position(11));
    assert_eq!(store.journal().verify().unwrap().damages, []);
}

/// Takes calls apart, and keeps the positions that it met.
struct Reader {
    name: &'static str,
    met: Arc<Mutex<Vec<u64>>>,
    decoded: Arc<AtomicU32>,
}

impl Follower for Reader {
    fn name(&self) -> &str {
        self.name
    }

    fn apply(&mut self, records: &[Record], _: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        for record in records {
            let call = record.call(|bytes| {
                self.decoded.fetch_add(1, Ordering::SeqCst);
                Some(bytes.len())
            });
            assert_eq!(call, Some(&4));
            self.met.lock().unwrap().push(record.position.0);
        }
        Ok(())
    }
}

#[test]
fn followers_out_of_step_come_into_step_and_take_each_call_apart_once() {
    let mut stepped = SteppedStore::open(MemoryEngine::default(), Options::default()).unwrap();
    let decoded = Arc::new(AtomicU32::new(0));
    let mets: [Arc<Mutex<Vec<u64>>>; 2] = Default::default();
    let [mut first, mut second] = [("first", 0), ("second", 1)].map(|(name, place)| {
        let (met, decoded) = (mets[place].clone(), decoded.clone());
        stepped.follower(Reader { name, met, decoded }).unwrap()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let commit = |stepped: &mut SteppedStore, count: u64| {
        for _ in 0..count {
            let tx = stepped.store.begin().unwrap();
            let committed = stepped.store.commit(tx, fact("Call"), Durability::Lazy);
            runtime.block_on(committed).unwrap();
        }
        stepped.step(usize::MAX);
    };
    // The first goes ahead twice; the second then takes all at once, and so is ahead of the first's next page.
    for count in [3, 4, 5] {
        commit(&mut stepped, count);
        if count < 5 {
            assert!(first.step().unwrap());
            stepped.step(usize::MAX);
        }
    }
    let alone = decoded.load(Ordering::SeqCst);
    assert!(second.step().unwrap());
    let both = decoded.load(Ordering::SeqCst);
    assert_eq!((alone, both), (7, 7 + 12), "it reads all of them itself");
    assert!(first.step().unwrap());
    assert_eq!(
        decoded.load(Ordering::SeqCst),
        both,
        "the rest was at hand, and taken apart"
    );
    let all: Vec<u64> = (1..=12).collect();
    for met in &mets {
        assert_eq!(*met.lock().unwrap(), all);
    }
}
