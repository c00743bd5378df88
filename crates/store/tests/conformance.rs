//! One suite for every engine, and for a branch's overlay: what services may rely on.

use palisade_store::engine::{Engine, fjall::FjallEngine, memory::MemoryEngine};
use palisade_store::{
    BranchId, CommitError, Durability, Fact, Options, Position, Store, Table, Tx,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

static ACCOUNTS: Table<(String, u64), i64> = Table::new("bank.account");
static LEDGER: Table<(u64, u64), i64> = Table::new("bank.ledger");

/// A state to put to the test: the real one of an engine, or a branch.
#[derive(Clone)]
struct Subject {
    name: &'static str,
    store: Store,
    branch: Option<BranchId>,
    _folder: Arc<Option<tempfile::TempDir>>,
}

impl Subject {
    fn begin(&self) -> Tx {
        match self.branch {
            Some(branch) => self.store.begin_on(branch).unwrap(),
            None => self.store.begin().unwrap(),
        }
    }

    async fn commit(&self, tx: Tx) -> Result<(), CommitError> {
        self.store
            .commit(tx, Fact::default(), Durability::Durable)
            .await
            .map(drop)
    }

    /// Runs `work` until it commits.
    async fn retry<T>(&self, mut work: impl FnMut(&mut Tx) -> T) -> T {
        loop {
            let mut tx = self.begin();
            let done = work(&mut tx);
            match self.commit(tx).await {
                Ok(()) => return done,
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
    }
}

fn subjects() -> Vec<Subject> {
    let subject = |name, engine: Box<dyn Engine>, folder| Subject {
        name,
        store: Store::with_engine(engine, Options::default()).unwrap(),
        branch: None,
        _folder: Arc::new(folder),
    };
    let folder = tempfile::tempdir().unwrap();
    let embedded = FjallEngine::open(folder.path()).unwrap();
    let mut branched = subject("branch", Box::<MemoryEngine>::default(), None);
    branched.branch = Some(branched.store.branch(Position(0)).unwrap());
    vec![
        subject("memory", Box::<MemoryEngine>::default(), None),
        subject("fjall", Box::new(embedded), Some(folder)),
        branched,
    ]
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_is_neither_made_nor_lost_by_concurrent_transfers() {
    for subject in subjects() {
        const COUNT: u64 = 8;
        let open = |tx: &mut Tx| {
            for n in 0..COUNT {
                tx.put(&ACCOUNTS, &("main", n), &100).unwrap();
            }
        };
        subject.retry(open).await;
        let stop = Arc::new(AtomicBool::new(false));
        let auditor = tokio::spawn({
            let (subject, stop) = (subject.clone(), stop.clone());
            async move {
                let mut audits = 0;
                while !stop.load(Ordering::SeqCst) || audits == 0 {
                    let tx = subject.begin();
                    let scanned: i64 = tx
                        .range(&ACCOUNTS, &("main",), None, 99)
                        .unwrap()
                        .iter()
                        .map(|(_, v)| v)
                        .sum();
                    let one_by_one: i64 = (0..COUNT)
                        .map(|n| *tx.get_cached(&ACCOUNTS, &("main", n)).unwrap().unwrap())
                        .sum();
                    assert_eq!((scanned, one_by_one), (800, 800), "{}", subject.name);
                    audits += 1;
                    tokio::task::yield_now().await;
                }
            }
        });
        let tellers = (1..=4u64).map(|seed| {
            let subject = subject.clone();
            tokio::spawn(async move {
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for n in 0..40u64 {
                    let (from, to) = (random(&mut state) % COUNT, random(&mut state) % COUNT);
                    let amount = (random(&mut state) % 30) as i64;
                    let transfer = |tx: &mut Tx| {
                        let balance = *tx.get_cached(&ACCOUNTS, &("main", from)).unwrap().unwrap();
                        tx.put(&ACCOUNTS, &("main", from), &(balance - amount))
                            .unwrap();
                        let balance = tx.get(&ACCOUNTS, &("main", to)).unwrap().unwrap();
                        tx.put(&ACCOUNTS, &("main", to), &(balance + amount))
                            .unwrap();
                        tx.put(&LEDGER, &(seed, n), &amount).unwrap();
                    };
                    subject.retry(transfer).await;
                }
            })
        });
        for teller in tellers.collect::<Vec<_>>() {
            teller.await.unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        auditor.await.unwrap();
        assert_eq!(
            subject
                .begin()
                .range(&LEDGER, &(), None, 999)
                .unwrap()
                .len(),
            160,
            "{}",
            subject.name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn write_skew_does_not_happen() {
    for subject in subjects() {
        for round in 0..30 {
            let on_call = |tx: &mut Tx| {
                tx.put(&ACCOUNTS, &("on call", 1u64), &1).unwrap();
                tx.put(&ACCOUNTS, &("on call", 2u64), &1).unwrap();
            };
            subject.retry(on_call).await;
            let leave = |who: u64| {
                let subject = subject.clone();
                tokio::spawn(async move {
                    let mut tx = subject.begin();
                    if tx.range(&ACCOUNTS, &("on call",), None, 9).unwrap().len() > 1 {
                        tx.delete(&ACCOUNTS, &("on call", who)).unwrap();
                    }
                    match subject.commit(tx).await {
                        Ok(()) | Err(CommitError::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                })
            };
            let (a, b) = (leave(1), leave(2));
            a.await.unwrap();
            b.await.unwrap();
            let left = subject
                .begin()
                .range(&ACCOUNTS, &("on call",), None, 9)
                .unwrap()
                .len();
            assert_eq!(
                left, 1,
                "{} round {round}: exactly one may leave",
                subject.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn paging_meets_each_row_that_stays_once_and_in_order() {
    for subject in subjects() {
        let fill = |tx: &mut Tx| {
            for n in 0..200u64 {
                tx.put(&ACCOUNTS, &("page", n * 2), &0).unwrap();
            }
        };
        subject.retry(fill).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn({
            let (subject, stop) = (subject.clone(), stop.clone());
            async move {
                let mut state = 42;
                while !stop.load(Ordering::SeqCst) {
                    let odd = random(&mut state) % 200 * 2 + 1;
                    let flip = |tx: &mut Tx| match tx.get(&ACCOUNTS, &("page", odd)).unwrap() {
                        Some(_) => tx.delete(&ACCOUNTS, &("page", odd)).unwrap(),
                        None => tx.put(&ACCOUNTS, &("page", odd), &1).unwrap(),
                    };
                    subject.retry(flip).await;
                }
            }
        });
        for size in [1, 7, 64] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = subject
                    .begin()
                    .range(&ACCOUNTS, &("page",), after.as_ref(), size)
                    .unwrap();
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                seen.extend(page.into_iter().map(|((_, n), _)| n));
            }
            assert!(seen.is_sorted_by(|a, b| a < b), "{} {seen:?}", subject.name);
            let stayed: Vec<_> = seen.into_iter().filter(|n| n % 2 == 0).collect();
            assert_eq!(
                stayed,
                (0..200).map(|n| n * 2).collect::<Vec<_>>(),
                "{}",
                subject.name
            );
        }
        stop.store(true, Ordering::SeqCst);
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn reads_agree_with_a_model_now_and_as_of_every_past_commit() {
    for subject in subjects() {
        let mut state = 0x1234_5678_9abc_def1;
        let mut model = BTreeMap::new();
        let mut past = vec![model.clone()];
        for _ in 0..60 {
            let mut tx = subject.begin();
            for _ in 0..random(&mut state) % 4 {
                let key = (random(&mut state) % 5, random(&mut state) % 5);
                if random(&mut state).is_multiple_of(3) {
                    tx.delete(&LEDGER, &key).unwrap();
                    model.remove(&key);
                } else {
                    let value = (random(&mut state) % 1000) as i64;
                    tx.put(&LEDGER, &key, &value).unwrap();
                    model.insert(key, value);
                }
            }
            check(&tx, &model, &mut state, subject.name);
            subject.commit(tx).await.unwrap();
            check(&subject.begin(), &model, &mut state, subject.name);
            past.push(model.clone());
        }
        if subject.branch.is_some() {
            assert_eq!(
                subject
                    .store
                    .begin()
                    .unwrap()
                    .range(&LEDGER, &(), None, 99)
                    .unwrap(),
                []
            );
            continue; // the past is the real state's
        }
        assert_eq!(subject.store.head().position, Position(60));
        for (position, model) in past.iter().enumerate() {
            let tx = subject.store.as_of(Position(position as u64)).unwrap();
            check(&tx, model, &mut state, subject.name);
            // A branch on that position sees the same, and writes over it stay apart.
            let branch = subject.store.branch(Position(position as u64)).unwrap();
            let mut tx = subject.store.begin_on(branch).unwrap();
            check(&tx, model, &mut state, subject.name);
            tx.put(&LEDGER, &(9u64, 9u64), &9).unwrap();
            check(&tx, &with(model, (9, 9), 9), &mut state, subject.name);
            assert!(subject.store.drop_branch(branch));
        }
    }
}

fn with(
    model: &BTreeMap<(u64, u64), i64>,
    key: (u64, u64),
    value: i64,
) -> BTreeMap<(u64, u64), i64> {
    let mut model = model.clone();
    model.insert(key, value);
    model
}

/// Compares points, prefixes, pages and both directions.
fn check(tx: &Tx, model: &BTreeMap<(u64, u64), i64>, state: &mut u64, name: &str) {
    let all: Vec<_> = model.iter().map(|(key, value)| (*key, *value)).collect();
    assert_eq!(tx.range(&LEDGER, &(), None, 999).unwrap(), all, "{name}");
    let mut back = tx.range_back(&LEDGER, &(), None, 999).unwrap();
    back.reverse();
    assert_eq!(back, all, "{name}");
    let (a, b, limit) = (
        random(state) % 6,
        random(state) % 6,
        random(state) as usize % 4 + 1,
    );
    let expected: Vec<_> = model
        .range((a, b + 1)..=(a, u64::MAX))
        .take(limit)
        .map(|(k, v)| (*k, *v))
        .collect();
    assert_eq!(
        tx.range(&LEDGER, &(a,), Some(&(a, b)), limit).unwrap(),
        expected,
        "{name} after {a} {b}"
    );
    let expected: Vec<_> = model
        .range((a, 0)..(a, b))
        .rev()
        .take(limit)
        .map(|(k, v)| (*k, *v))
        .collect();
    assert_eq!(
        tx.range_back(&LEDGER, &(a,), Some(&(a, b)), limit).unwrap(),
        expected,
        "{name} before {a} {b}"
    );
    assert_eq!(
        tx.get(&LEDGER, &(a, b)).unwrap(),
        model.get(&(a, b)).copied(),
        "{name}"
    );
    assert_eq!(
        tx.get_cached(&LEDGER, &(a, b)).unwrap().as_deref(),
        model.get(&(a, b)),
        "{name}"
    );
    assert_eq!(
        tx.contains(&LEDGER, &(a, b)).unwrap(),
        model.contains_key(&(a, b)),
        "{name}"
    );
    let doubled = tx
        .get_cached_with(&LEDGER, &(a, b), "doubled", |value| value * 2)
        .unwrap();
    assert_eq!(
        doubled.as_deref().copied(),
        model.get(&(a, b)).map(|value| value * 2),
        "{name}"
    );
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 99;
    let mut model = BTreeMap::new();
    for _ in 0..4 {
        let store = Store::open(folder.path(), Options::default()).unwrap();
        check(&store.begin().unwrap(), &model, &mut state, "fjall");
        for _ in 0..20 {
            let key = (random(&mut state) % 5, random(&mut state) % 5);
            let value = (random(&mut state) % 1000) as i64;
            let mut tx = store.begin().unwrap();
            tx.put(&LEDGER, &key, &value).unwrap();
            store
                .commit(tx, Fact::default(), Durability::Durable)
                .await
                .unwrap();
            model.insert(key, value);
        }
        assert_eq!(store.journal().verify().unwrap().damages, []);
    }
    let other = Store::open(folder.path(), Options::default()).unwrap();
    assert!(
        Store::open(folder.path(), Options::default()).is_err(),
        "one process (and one store) at a time"
    );
    assert_eq!(other.head().position, Position(80));
}
