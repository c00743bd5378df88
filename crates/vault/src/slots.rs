//! Entries in slots, and the index of them in memory.
//!
//! An entry goes to a free slot and is synced before it counts. One that takes the place of another goes to a free slot too, with a
//! higher generation; only when it is durable is the old slot overwritten. So at every moment one whole copy is on disk, and after a
//! crash opening does what was left to do: of two slots of one entry the older is overwritten.
//!
//! A torn slot is left by a write that never finished, which no caller was ever told of; or it is an entry that the disk damaged, of
//! which somebody may yet read what is left. Nothing in it says which, so it stays as it is and is not written to, until whoever knows
//! what must be there finds all of it elsewhere ([`Slots::wipe_torn`]).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;
pub use crate::slot::Id;
use crate::slot::{Slot, decode, encode, room};

/// The sizes of slots, in bytes, each in a file of its own: for symmetric keys, elliptic curves, RSA.
pub(crate) const SIZES: [usize; 3] = [256, 512, 4096];

/// The files of slots, the smallest first.
pub type Disks = [Box<dyn Disk>; SIZES.len()];

/// The longest content, in bytes.
pub const CONTENT_BYTES_MAX: usize = room(SIZES[SIZES.len() - 1]);

/// How much is read at once while opening; a multiple of every size.
const READ_BYTES: usize = 1 << 16;
/// How many slots a file grows by.
const GROW_SLOTS: u32 = 16;
/// The most slots of one size.
const SLOTS_MAX: u32 = 1 << 22;

/// Why the vault could not do it.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// The disk failed.
    #[error("the vault's disk failed: {0}")]
    Io(#[from] io::Error),
    /// Content longer than [`CONTENT_BYTES_MAX`].
    #[error("an entry of the vault has at most {CONTENT_BYTES_MAX} bytes")]
    TooLong,
    /// No slot is left.
    #[error("the vault is full")]
    Full,
    /// A write failed before, so what is on disk is unknown until it is opened anew.
    #[error("the vault's disk failed before; a restart recovers")]
    Failed,
}

/// What opening found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries.
    pub entries: usize,
    /// Slots that do not fit their checksum, left as they are: their write never finished, or the disk damaged them.
    pub torn: usize,
    /// Slots that a newer one had taken the place of, overwritten.
    pub superseded: usize,
}

/// One entry to write.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What it is found by.
    pub id: Id,
    /// What it is; [`Slots::ids`] tells entries apart by it.
    pub kind: u8,
    /// What it holds.
    pub content: &'a [u8],
}

/// Entries in slots, by id.
pub struct Slots {
    disks: Disks,
    state: Mutex<State>,
    /// Told whenever ids are no longer being written.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    index: HashMap<Id, Place>,
    free: [BTreeSet<u32>; SIZES.len()],
    /// Slots each file has.
    count: [u32; SIZES.len()],
    next_generation: u64,
    /// Slots that do not fit their checksum, neither free nor of an entry.
    torn: Vec<Place>,
    /// Ids that are being written or wiped right now: whoever wants them too waits.
    busy: HashSet<Id>,
    /// A write or sync failed: nothing more is written, lest memory and disk tell different stories.
    failed: bool,
}

/// Where an entry is, and of what kind.
#[derive(Clone, Copy, Debug)]
struct Place {
    class: u8,
    kind: u8,
    number: u32,
}

impl Slots {
    /// Opens the files and finishes what a crash left.
    ///
    /// # Errors
    /// When a disk fails.
    pub fn open(disks: Disks) -> Result<(Self, Recovery), SlotsError> {
        let mut state = State::default();
        let mut recovery = Recovery::default();
        let mut stale = Vec::new();
        for class in 0..disks.len() {
            state.scan(class, &disks, &mut stale, &mut recovery)?;
        }
        recovery.entries = state.index.len();
        let slots = Self {
            disks,
            state: Mutex::new(state),
            settled: Condvar::new(),
        };
        slots.overwrite(&stale)?;
        Ok((slots, recovery))
    }

    /// The content of an entry.
    ///
    /// # Errors
    /// When the disk fails, or the slot was damaged since it was opened.
    pub fn get(&self, id: &Id) -> Result<Option<Vec<u8>>, SlotsError> {
        // Read under the lock: a slot that goes to another entry meanwhile would be read as that.
        let state = self.lock();
        let Some(place) = state.index.get(id) else {
            return Ok(None);
        };
        let slot = read(&self.disks, *place)?;
        match decode(&slot) {
            Slot::Full {
                id: found, content, ..
            } if found == *id => Ok(Some(content.to_vec())),
            _ => Err(io::Error::other("a slot is damaged").into()),
        }
    }

    /// Whether there is an entry.
    pub fn contains(&self, id: &Id) -> bool {
        self.lock().index.contains_key(id)
    }

    /// The ids of all entries of a kind.
    pub fn ids(&self, kind: u8) -> Vec<Id> {
        let state = self.lock();
        let entries = state.index.iter().filter(|(_, place)| place.kind == kind);
        entries.map(|(id, _)| *id).collect()
    }

    /// Writes entries with ids that differ, each in the place of one that has its id; all are durable when this returns. A crash
    /// before that may leave some of them.
    ///
    /// # Errors
    /// When one is too long, no slot is left, or the disk fails.
    pub fn put(&self, entries: &[Entry<'_>]) -> Result<(), SlotsError> {
        let ids: Vec<Id> = entries.iter().map(|entry| entry.id).collect();
        self.alone_with(&ids, || self.write(entries))
    }

    /// [`Slots::put`] of the entries whose ids are still there; the others were wiped meanwhile, and stay so.
    ///
    /// # Errors
    /// Those of [`Slots::put`].
    pub fn replace(&self, entries: &[Entry<'_>]) -> Result<(), SlotsError> {
        let ids: Vec<Id> = entries.iter().map(|entry| entry.id).collect();
        self.alone_with(&ids, || {
            let there = entries.iter().filter(|entry| self.contains(&entry.id));
            self.write(&there.copied().collect::<Vec<_>>())
        })
    }

    /// Overwrites entries; when this returns, nothing of them is in the files.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn wipe(&self, ids: &[Id]) -> Result<(), SlotsError> {
        self.alone_with(ids, || {
            let mut state = self.lock();
            let places: Vec<Place> = ids.iter().filter_map(|id| state.index.remove(id)).collect();
            drop(state);
            self.overwrite(&places)
        })
    }

    /// How many slots do not fit their checksum.
    pub fn torn(&self) -> usize {
        self.lock().torn.len()
    }

    /// Overwrites the slots that do not fit their checksum, and frees them; how many they were. Only for who has seen that every
    /// entry that must be there is: one of these slots may be what is left of it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn wipe_torn(&self) -> Result<usize, SlotsError> {
        self.alone_with(&[], || {
            let torn = std::mem::take(&mut self.lock().torn);
            self.overwrite(&torn)?;
            Ok(torn.len())
        })
    }

    /// Does `work` while nobody else writes or wipes these ids.
    fn alone_with<T>(
        &self,
        ids: &[Id],
        work: impl FnOnce() -> Result<T, SlotsError>,
    ) -> Result<T, SlotsError> {
        let state = self.lock();
        let taken = |state: &mut State| ids.iter().any(|id| state.busy.contains(id));
        let waited = self.settled.wait_while(state, taken);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return Err(SlotsError::Failed);
        }
        state.busy.extend(ids);
        drop(state);
        let done = work();
        let mut state = self.lock();
        state.busy.retain(|id| !ids.contains(id));
        drop(state);
        self.settled.notify_all();
        done
    }

    fn write(&self, entries: &[Entry<'_>]) -> Result<(), SlotsError> {
        let (places, first) = self.reserve(entries)?;
        for (at, (entry, place)) in entries.iter().zip(&places).enumerate() {
            let generation = first + at as u64;
            let size = SIZES[place.class()];
            let slot = encode(size, generation, &entry.id, entry.kind, entry.content);
            self.tried(self.disks[place.class()].write(place.offset(), &slot))?;
        }
        self.sync(&places)?;
        let mut state = self.lock();
        let pairs = entries.iter().zip(&places);
        let old = pairs.filter_map(|(entry, place)| state.index.insert(entry.id, *place));
        let old: Vec<Place> = old.collect();
        drop(state);
        self.overwrite(&old)
    }

    /// A free slot for each entry, and the first of as many generations.
    fn reserve(&self, entries: &[Entry<'_>]) -> Result<(Vec<Place>, u64), SlotsError> {
        let mut places = Vec::with_capacity(entries.len());
        let mut state = self.lock();
        for entry in entries {
            match self.free_slot(&mut state, entry) {
                Ok(place) => places.push(place),
                Err(error) => {
                    places.iter().for_each(|place| state.release(*place));
                    return Err(error);
                }
            }
        }
        let first = state.next_generation;
        state.next_generation += entries.len() as u64;
        Ok((places, first))
    }

    /// A free slot of the smallest size that fits; the file grows where it has none.
    fn free_slot(&self, state: &mut State, entry: &Entry<'_>) -> Result<Place, SlotsError> {
        let fits = |size: &usize| entry.content.len() <= room(*size);
        let class = SIZES.iter().position(fits).ok_or(SlotsError::TooLong)?;
        if state.free[class].is_empty() {
            let first = state.count[class];
            if first + GROW_SLOTS > SLOTS_MAX {
                return Err(SlotsError::Full);
            }
            let offset = u64::from(first) * SIZES[class] as u64;
            let zeros = vec![0; SIZES[class] * GROW_SLOTS as usize];
            // A disk that is full is no reason to write nothing more: what is here can still be wiped.
            self.disks[class].write(offset, &zeros)?;
            state.count[class] = first + GROW_SLOTS;
            state.free[class].extend(first..first + GROW_SLOTS);
        }
        let number = state.free[class].pop_first().ok_or(SlotsError::Full)?;
        Ok(Place {
            class: class as u8,
            kind: entry.kind,
            number,
        })
    }

    /// Fills slots with zeros, which are durable when this returns, and frees them.
    fn overwrite(&self, places: &[Place]) -> Result<(), SlotsError> {
        for place in places {
            let zeros = vec![0; SIZES[place.class()]];
            self.tried(self.disks[place.class()].write(place.offset(), &zeros))?;
        }
        self.sync(places)?;
        let mut state = self.lock();
        places.iter().for_each(|place| state.release(*place));
        Ok(())
    }

    /// Others may write meanwhile: a sync is no less of one for it.
    fn sync(&self, places: &[Place]) -> Result<(), SlotsError> {
        let classes: BTreeSet<usize> = places.iter().map(|place| place.class()).collect();
        let mut all = classes.into_iter();
        all.try_for_each(|class| self.tried(self.disks[class].sync()))
    }

    /// Notes whether the disk failed.
    fn tried(&self, result: io::Result<()>) -> Result<(), SlotsError> {
        self.lock().failed |= result.is_err();
        Ok(result?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the slots of one file into the index; those that must be overwritten go to `stale`.
    fn scan(
        &mut self,
        class: usize,
        disks: &Disks,
        stale: &mut Vec<Place>,
        recovery: &mut Recovery,
    ) -> Result<(), SlotsError> {
        let size = SIZES[class];
        let count = disks[class].bytes()? / size as u64;
        let count = u32::try_from(count)
            .ok()
            .filter(|count| *count <= SLOTS_MAX);
        self.count[class] = count.ok_or(SlotsError::Full)?;
        let mut buffer = vec![0; READ_BYTES];
        let mut number = 0;
        while number < self.count[class] {
            let slots = (READ_BYTES / size).min((self.count[class] - number) as usize);
            let part = &mut buffer[..slots * size];
            disks[class].read(u64::from(number) * size as u64, part)?;
            for slot in part.chunks_exact(size) {
                let place = Place {
                    class: class as u8,
                    kind: 0,
                    number,
                };
                self.take(slot, place, disks, stale, recovery)?;
                number += 1;
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        slot: &[u8],
        place: Place,
        disks: &Disks,
        stale: &mut Vec<Place>,
        recovery: &mut Recovery,
    ) -> Result<(), SlotsError> {
        let (generation, id, kind) = match decode(slot) {
            Slot::Empty => {
                self.release(place);
                return Ok(());
            }
            Slot::Torn => {
                recovery.torn += 1;
                self.torn.push(place);
                return Ok(());
            }
            Slot::Full {
                generation,
                id,
                kind,
                ..
            } => (generation, id, kind),
        };
        self.next_generation = self.next_generation.max(generation.saturating_add(1));
        let place = Place { kind, ..place };
        let Some(other) = self.index.insert(id, place) else {
            return Ok(());
        };
        recovery.superseded += 1;
        let there = read(disks, other)?;
        let newer_there =
            matches!(decode(&there), Slot::Full { generation: g, .. } if g > generation);
        if newer_there {
            self.index.insert(id, other);
            stale.push(place);
        } else {
            stale.push(other);
        }
        Ok(())
    }

    fn release(&mut self, place: Place) {
        self.free[place.class()].insert(place.number);
    }
}

impl Place {
    fn class(self) -> usize {
        usize::from(self.class)
    }

    fn offset(self) -> u64 {
        u64::from(self.number) * SIZES[self.class()] as u64
    }
}

fn read(disks: &Disks, place: Place) -> Result<Vec<u8>, SlotsError> {
    let mut slot = vec![0; SIZES[place.class()]];
    disks[place.class()].read(place.offset(), &mut slot)?;
    Ok(slot)
}
