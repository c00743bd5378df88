//! Followers: what reacts to the past. Each reads the journal from a cursor of its own and writes derived tables.
//!
//! Cursor and derived rows are written together, so a follower that is killed goes on exactly where its rows end. What it
//! does *outside* the store may happen again after a crash: at least once, never zero times. As positions are given by the
//! committer and seen only in order, a follower can neither skip a commit nor meet one late.

use crate::commit::queue::{Urgency, Work};
use crate::engine::{Batch, Snapshot, Space};
use crate::error::StoreError;
use crate::fact::{Position, Record};
use crate::journal::Journal;
use crate::key::{Key, KeyOf, PrefixOf};
use crate::shared::Shared;
use crate::table::{Derived, Value, decode_value, encode_value};
use crate::tx::derived_range;
use crate::view::damaged;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Where each follower goes on.
pub(crate) static CURSORS: Derived<(String,), u64> = Derived::new("store.cursor");
/// How many records a follower is given at once, and about how many bytes of them.
const RECORDS_MAX: usize = 1024;
const BYTES_MAX: usize = 4 << 20;
/// How long a follower's rows may wait for company in a commit.
const WRITE_DELAY: Duration = Duration::from_millis(5);
/// How long a follower lets records gather between two steps.
const PACE: Duration = Duration::from_millis(20);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Something that follows the journal.
pub trait Follower: Send + 'static {
    /// Its name: where its cursor is kept. Never changed, and of one follower only.
    fn name(&self) -> &str;

    /// Takes the next records, in order and without a gap (but for records whose bodies retention had dropped), and
    /// writes what follows from them.
    ///
    /// # Errors
    /// Any: the same records come again, after a pause that grows.
    fn apply(&mut self, records: &[Record], out: &mut DerivedBatch<'_>) -> Result<(), FollowError>;
}

/// Why a follower could not take its records.
pub type FollowError = Box<dyn std::error::Error + Send + Sync>;

/// Derived rows that a follower reads and writes.
pub struct DerivedBatch<'a> {
    snapshot: &'a dyn Snapshot,
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl DerivedBatch<'_> {
    /// The value under `key`, this batch's own writes included.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn get<K: Key, V: Value>(
        &self,
        table: &Derived<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<Option<V>, StoreError> {
        let row = table.row(key);
        let stored = match self.rows.get(&row) {
            Some(written) => written.clone(),
            None => self.snapshot.get(Space::Derived, &row)?,
        };
        stored
            .map(|bytes| decode_value(&bytes).map_err(|_| damaged(&row)))
            .transpose()
    }

    /// At most `limit` rows whose keys begin with `prefix`, from the one after `after`, as they were before this batch.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn range_before<K: Key, V: Value>(
        &self,
        table: &Derived<K, V>,
        prefix: &impl PrefixOf<K>,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        derived_range(self.snapshot, table, prefix, after, limit)
    }

    /// Writes `value` under `key`.
    ///
    /// # Errors
    /// When the value is not plain data.
    pub fn put<K: Key, V: Value>(
        &mut self,
        table: &Derived<K, V>,
        key: &impl KeyOf<K>,
        value: &V,
    ) -> Result<(), StoreError> {
        let cause = |cause| StoreError::Encode {
            table: table.name(),
            cause,
        };
        self.rows
            .insert(table.row(key), Some(encode_value(value).map_err(cause)?));
        Ok(())
    }

    /// Deletes what is under `key`.
    pub fn delete<K: Key, V: Value>(&mut self, table: &Derived<K, V>, key: &impl KeyOf<K>) {
        self.rows.insert(table.row(key), None);
    }
}

/// How a follower is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// The last position it has taken.
    pub cursor: Position,
    /// Why it could not take the next ones, if it could not.
    pub failing: Option<String>,
}

/// A running follower; dropping this does not stop it, closing the store does.
#[derive(Clone, Debug)]
pub struct FollowerHandle {
    name: Arc<str>,
    status: watch::Receiver<FollowerStatus>,
}

/// The follower ended: its store was closed, or it panicked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("follower {0} has stopped")]
pub struct FollowerStopped(pub Arc<str>);

impl FollowerHandle {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is doing.
    pub fn status(&self) -> FollowerStatus {
        self.status.borrow().clone()
    }

    /// Waits until it has taken everything up to `position`, and what it derived can be read.
    ///
    /// # Errors
    /// When it has stopped.
    pub async fn caught_up(&self, position: Position) -> Result<(), FollowerStopped> {
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| status.cursor >= position).await;
        reached
            .map(drop)
            .map_err(|_| FollowerStopped(self.name.clone()))
    }
}

/// The records after a position, and where reading them takes a follower.
struct Page {
    after: Position,
    records: Vec<Record>,
    through: Position,
}

impl Page {
    /// Whether it goes on from `after`, if not from its beginning.
    fn goes_on(&self, after: Position) -> bool {
        self.after <= after && after < self.through
    }

    /// Its records after `after`.
    fn records(&self, after: Position) -> &[Record] {
        let taken = self
            .records
            .partition_point(|record| record.position <= after);
        &self.records[taken..]
    }
}

/// The page that a follower read last: the others are spared reading, checking and decoding it. One that has taken a part of it
/// takes the rest, and so comes into step.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Option<Arc<Page>>>);

impl Pages {
    /// A page that goes on from `after`: the one at hand, or else read from `journal`.
    fn after(&self, after: Position, journal: &Journal) -> Result<Arc<Page>, StoreError> {
        let mut at_hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = at_hand.as_ref().filter(|page| page.goes_on(after)) {
            return Ok(page.clone());
        }
        let (records, through) = journal.page(after, RECORDS_MAX, BYTES_MAX)?;
        let page = Arc::new(Page {
            after,
            records,
            through,
        });
        *at_hand = Some(page.clone());
        Ok(page)
    }
}

/// A follower with its cursor, one step at a time.
pub(crate) struct Runner {
    follower: Box<dyn Follower>,
    shared: Arc<Shared>,
    status: watch::Sender<FollowerStatus>,
}

impl Runner {
    pub fn new(
        follower: Box<dyn Follower>,
        shared: Arc<Shared>,
    ) -> Result<(Self, FollowerHandle), StoreError> {
        let snapshot = &shared.published.load_full().snapshot;
        let row = CURSORS.row(&(follower.name(),));
        let stored = snapshot.get(Space::Derived, &row)?;
        let cursor = stored
            .map(|bytes| decode_value(&bytes).map_err(|_| damaged(&row)))
            .transpose()?;
        let cursor = Position(cursor.unwrap_or(0));
        let (sender, status) = watch::channel(FollowerStatus {
            cursor,
            failing: None,
        });
        let name = follower.name().into();
        Ok((
            Self {
                follower,
                shared,
                status: sender,
            },
            FollowerHandle { name, status },
        ))
    }

    pub fn cursor(&self) -> Position {
        self.status.borrow().cursor
    }

    /// What the next records lead to, and the cursor after them; `None` when there are none.
    pub fn next(&mut self) -> Result<Option<(Batch, Position)>, FollowError> {
        let published = self.shared.published.load_full();
        if published.head.position <= self.cursor() {
            return Ok(None);
        }
        let journal = Journal {
            published,
            dictionaries: self.shared.dictionaries.clone(),
        };
        let page = self.shared.pages.after(self.cursor(), &journal)?;
        let mut out = DerivedBatch {
            snapshot: journal.snapshot(),
            rows: BTreeMap::new(),
        };
        let records = page.records(self.cursor());
        if !records.is_empty() {
            self.follower.apply(records, &mut out)?;
        }
        out.put(&CURSORS, &(self.follower.name(),), &page.through.0)?;
        let mut batch = Batch::default();
        batch.changes.extend(
            out.rows
                .into_iter()
                .map(|(row, value)| (Space::Derived, row, value)),
        );
        Ok(Some((batch, page.through)))
    }

    /// Says that everything up to `cursor` has been taken and written.
    pub fn taken(&self, cursor: Position) {
        self.status.send_replace(FollowerStatus {
            cursor,
            failing: None,
        });
    }

    fn failed(&self, error: &FollowError) {
        self.status
            .send_modify(|status| status.failing = Some(error.to_string()));
    }

    /// Follows until the store closes.
    pub fn run(mut self, stop: &Stop) {
        let mut pause = RETRY_FIRST;
        while !stop.is_set() {
            match self.step() {
                Ok(true) => {
                    pause = RETRY_FIRST;
                    self.rest();
                }
                Ok(false) => stop.wait_for_news(&self.shared, self.cursor()),
                Err(error) => {
                    self.failed(&error);
                    stop.wait(pause);
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Lets the next records gather, unless there are many already: commits come by the thousand a second, and each step
    /// takes a chunk of the journal apart.
    fn rest(&self) {
        let head = self.shared.published.load().head.position;
        if head.0.saturating_sub(self.cursor().0) < RECORDS_MAX as u64 {
            std::thread::sleep(PACE);
        }
    }

    fn step(&mut self) -> Result<bool, FollowError> {
        let Some((batch, cursor)) = self.next()? else {
            return Ok(false);
        };
        self.shared.work_blocking(
            |ack| Work::Derived(batch, ack),
            Urgency::Within(WRITE_DELAY),
        )?;
        self.taken(cursor);
        Ok(true)
    }
}

/// What wakes followers: a newer commit, or the end.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    lock: Mutex<()>,
    wake: std::sync::Condvar,
}

impl Stop {
    pub fn set(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.news();
    }

    pub fn is_set(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Something was committed.
    pub fn news(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_all();
    }

    fn wait_for_news(&self, shared: &Shared, cursor: Position) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing =
            |(): &mut ()| !self.is_set() && shared.published.load().head.position <= cursor;
        drop(self.wake.wait_while(guard, nothing));
    }

    fn wait(&self, pause: Duration) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.wake
                .wait_timeout_while(guard, pause, |()| !self.is_set()),
        );
    }
}
