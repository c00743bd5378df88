//! A seeded simulation: random transactions in random groups, a follower, a clock that jumps, a disk that loses power.
//!
//! One thread and one random number generator decide everything, so a seed that fails fails again:
//! `PALISADE_SIMULATION_SEED=n`. `PALISADE_SIMULATION_SEEDS=n` runs the first n seeds (50 by default).

use palisade_store::testing::{Disk, SteppedFollower, SteppedStore};
use palisade_store::{
    CommitError, Committed, Derived, DerivedBatch, Durability, Fact, FollowError, Follower,
    History, ManualClock, Millis, Options, Position, Record, Table,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

static ROWS: Table<(u64,), u64> = Table::new("sim.row");
static SUMS: Derived<(String,), u64> = Derived::new("sim.sums");

const KEYS: u64 = 12;

/// What a commit's call says, so that the journal alone tells what the state must be: key and value, or a deletion.
type Script = Vec<(u64, Option<u64>)>;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Sums what is written, and demands that no position is left out.
struct Summer {
    last: Position,
}

impl Follower for Summer {
    fn name(&self) -> &str {
        "summer"
    }

    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        for record in records {
            assert_eq!(
                record.position.0,
                self.last.0 + 1,
                "a position was skipped or came twice"
            );
            self.last = record.position;
            let script: Script = decode(&record.fact.call);
            let sum = out.get(&SUMS, &("sum",))?.unwrap_or(0);
            let added: u64 = script.iter().filter_map(|(_, value)| *value).sum();
            out.put(&SUMS, &("sum",), &(sum + added))?;
        }
        Ok(())
    }
}

fn encode(script: &Script) -> Vec<u8> {
    script
        .iter()
        .map(|(key, value)| format!("{key} {}\n", value.unwrap_or(u64::MAX)))
        .collect::<String>()
        .into()
}

fn decode(call: &[u8]) -> Script {
    let text = std::str::from_utf8(call).unwrap();
    let pair = |line: &str| {
        let (key, value) = line.split_once(' ').unwrap();
        let value = value.parse().unwrap();
        (key.parse().unwrap(), (value != u64::MAX).then_some(value))
    };
    text.lines().map(pair).collect()
}

type Answer = Result<Committed, CommitError>;

struct Running {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    script: Script,
}

struct Simulation {
    random: Random,
    clock: Arc<ManualClock>,
    disk: Disk,
    stepped: SteppedStore,
    follower: SteppedFollower,
    running: Vec<Running>,
    /// What was acknowledged: it must never be lost.
    acknowledged: BTreeMap<Position, Script>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let disk = Disk::default();
        let clock = Arc::new(ManualClock::new(Millis(1_000)));
        let (stepped, follower) = open(&disk, &clock);
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            random,
            clock,
            disk,
            stepped,
            follower,
            running: Vec::new(),
            acknowledged: BTreeMap::new(),
        }
    }

    fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.random.below(100) {
                0..40 => self.begin(),
                40..65 => {
                    let limit = self.random.below(6) as usize + 1;
                    self.stepped.step(limit);
                    self.poll();
                }
                65..85 => drop(self.follower.step().unwrap()),
                85..95 => {
                    let now = self.random.below(1_000_000);
                    self.clock.set(Millis(now));
                }
                95..98 => self.check(),
                _ => self.crash(),
            }
        }
        self.crash();
    }

    /// A transaction that reads some, and writes what it read plus one, or something new, or nothing.
    fn begin(&mut self) {
        let store = self.stepped.store.clone();
        let mut tx = store.begin().unwrap();
        let mut script = Script::new();
        for _ in 0..self.random.below(4) {
            let key = self.random.below(KEYS);
            let read = match self.random.below(3) {
                0 => tx.get(&ROWS, &(key,)).unwrap(),
                1 => tx.get_cached(&ROWS, &(key,)).unwrap().map(|value| *value),
                _ => tx
                    .range(&ROWS, &(), Some(&(key,)), 2)
                    .unwrap()
                    .first()
                    .map(|(_, value)| *value),
            };
            let write = match self.random.below(4) {
                0 => None,
                _ => Some(read.unwrap_or(0) + 1),
            };
            match write {
                Some(value) => tx.put(&ROWS, &(key,), &value).unwrap(),
                None => tx.delete(&ROWS, &(key,)).unwrap(),
            }
            script.retain(|(known, _)| *known != key);
            script.push((key, write));
        }
        let fact = Fact {
            histories: vec![History::new(self.random.below(3).to_string(), "r")],
            call: encode(&script),
            ..Fact::default()
        };
        let durability = if self.random.below(2) == 0 {
            Durability::Durable
        } else {
            Durability::Lazy
        };
        let future = Box::pin(async move { store.commit(tx, fact, durability).await });
        self.running.push(Running { future, script });
        self.poll();
    }

    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let acknowledged = &mut self.acknowledged;
        self.running
            .retain_mut(|running| match running.future.as_mut().poll(&mut context) {
                Poll::Pending => true,
                Poll::Ready(Ok(committed)) => {
                    if let Some(position) = committed.position {
                        let before =
                            acknowledged.insert(position, std::mem::take(&mut running.script));
                        assert!(before.is_none(), "position {position} was given twice");
                    }
                    false
                }
                Poll::Ready(Err(CommitError::Conflict)) => false,
                Poll::Ready(Err(error)) => panic!("{error}"),
            });
    }

    /// Power goes: calls on their way are never answered, what was not durable may be gone.
    fn crash(&mut self) {
        self.running.clear();
        let keep = self.random.below(self.disk.pending() as u64 + 1) as usize;
        self.disk.crash(keep);
        (self.stepped, self.follower) = open(&self.disk, &self.clock);
        self.check();
        let verified = self.stepped.store.journal().verify().unwrap();
        assert_eq!(verified.damages, []);
    }

    /// The journal has everything that was acknowledged, and the state, now and at each past commit, and what was
    /// derived are just what the journal says.
    fn check(&mut self) {
        let store = &self.stepped.store;
        let (mut model, mut models) = (BTreeMap::new(), vec![BTreeMap::new()]);
        let (mut last, mut found) = (Millis(0), 0);
        let mut sums = vec![0];
        let walk = store.journal().read(Position(0), &mut |record| {
            let script = decode(&record.fact.call);
            if let Some(acknowledged) = self.acknowledged.get(&record.position) {
                assert_eq!(*acknowledged, script);
                found += 1;
            }
            assert!(record.committed >= last, "state time went back");
            last = record.committed;
            for (key, value) in &script {
                match value {
                    Some(value) => model.insert(*key, *value),
                    None => model.remove(key),
                };
            }
            sums.push(
                sums.last().unwrap() + script.iter().filter_map(|(_, value)| *value).sum::<u64>(),
            );
            models.push(model.clone());
            ControlFlow::Continue(())
        });
        walk.unwrap();
        assert_eq!(found, self.acknowledged.len(), "acknowledged and lost");
        assert_eq!(store.head().position.0 + 1, models.len() as u64);
        let newest = models.len() - 1;
        for position in [newest, self.random.below(models.len() as u64) as usize] {
            let tx = store.as_of(Position(position as u64)).unwrap();
            let rows: BTreeMap<_, _> = tx
                .range(&ROWS, &(), None, 99)
                .unwrap()
                .into_iter()
                .map(|((key,), value)| (key, value))
                .collect();
            assert_eq!(rows, models[position], "as of {position}");
        }
        let tx = store.begin().unwrap();
        for key in 0..KEYS {
            let cached = tx.get_cached(&ROWS, &(key,)).unwrap().map(|value| *value);
            assert_eq!(
                cached,
                models[newest].get(&key).copied(),
                "cached row {key}"
            );
        }
        let sum = tx.derived(&SUMS, &("sum",)).unwrap().unwrap_or(0);
        let cursor: u64 = tx.derived(&CURSORS, &("summer",)).unwrap().unwrap_or(0);
        assert_eq!(sum, sums[cursor as usize], "derived up to {cursor}");
    }
}

static CURSORS: Derived<(String,), u64> = Derived::new("store.cursor");

fn open(disk: &Disk, clock: &Arc<ManualClock>) -> (SteppedStore, SteppedFollower) {
    let options = Options {
        clock: clock.clone(),
        recent_writes_max: 64,
        ..Options::default()
    };
    let stepped = SteppedStore::open(disk.engine(), options).unwrap();
    let cursor = stepped
        .store
        .begin()
        .unwrap()
        .derived(&CURSORS, &("summer",))
        .unwrap()
        .unwrap_or(0);
    let follower = stepped
        .follower(Summer {
            last: Position(cursor),
        })
        .unwrap();
    (stepped, follower)
}

#[test]
fn whatever_happens_the_journal_the_state_and_what_is_derived_agree() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("PALISADE_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PALISADE_SIMULATION_SEEDS").unwrap_or(50),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| Simulation::new(seed).run(400));
        assert!(run.is_ok(), "PALISADE_SIMULATION_SEED={seed} fails");
    }
}
