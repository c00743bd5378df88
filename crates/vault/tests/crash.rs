//! The vault is stopped at every write and every sync, and what was not synced is lost, kept or torn: what was acknowledged holds.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, OsRandom, Region};
use palisade_keyring::spec::KeySpec;
use palisade_keyring::testing::Counting;
use palisade_keyring::{Material, MaterialId, Root};
use palisade_store::{ManualClock, Millis};
use palisade_vault::disk::Disk;
use palisade_vault::slots::{Disks, Entry, Slots};
use palisade_vault::{Keys, OpenError};

/// Three disks on one power supply.
#[derive(Default)]
struct Machine {
    disks: [Contents; 3],
    /// Writes and syncs until the power fails.
    left: usize,
    /// What becomes of writes that were not synced.
    fate: Fate,
}

#[derive(Default)]
struct Contents {
    durable: Vec<u8>,
    written: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
enum Fate {
    /// They are on disk.
    #[default]
    Kept,
    /// None is.
    Lost,
    /// Each is, up to a place in its middle.
    Torn,
    /// Every other one is.
    Reordered,
}

struct Drive(Arc<Mutex<Machine>>, usize);

fn failed() -> io::Error {
    io::Error::other("no power")
}

impl Machine {
    fn tick(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(failed)?;
        Ok(())
    }
}

impl Contents {
    fn now(&self) -> Vec<u8> {
        self.after(Fate::Kept)
    }

    /// What is on disk after the power failed.
    fn after(&self, fate: Fate) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (number, (at, new)) in self.written.iter().enumerate() {
            let length = match fate {
                Fate::Kept => new.len(),
                Fate::Lost => 0,
                Fate::Torn => new.len() / 2 + number % 40,
                Fate::Reordered => new.len() * (number % 2),
            };
            let new = &new[..length.min(new.len())];
            if !new.is_empty() && bytes.len() < at + new.len() {
                bytes.resize(at + new.len(), 0);
            }
            if !new.is_empty() {
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
        }
        bytes
    }
}

impl Disk for Drive {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().disks[self.1].now().len() as u64)
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock().unwrap().disks[self.1].now();
        let at = at as usize;
        buffer.copy_from_slice(bytes.get(at..at + buffer.len()).ok_or_else(failed)?);
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut machine = self.0.lock().unwrap();
        let ticked = machine.tick();
        // The write under way when the power fails may arrive too.
        if ticked.is_ok() || machine.left == 0 {
            let write = (at as usize, bytes.to_vec());
            machine.disks[self.1].written.push(write);
        }
        ticked
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.0.lock().unwrap();
        machine.tick()?;
        let contents = &mut machine.disks[self.1];
        contents.durable = contents.now();
        contents.written.clear();
        Ok(())
    }
}

fn drives(machine: &Arc<Mutex<Machine>>) -> Disks {
    [0, 1, 2].map(|number| Box::new(Drive(Arc::clone(machine), number)) as _)
}

/// A machine that does `left` writes and syncs.
fn machine(left: usize, fate: Fate) -> Arc<Mutex<Machine>> {
    Arc::new(Mutex::new(Machine {
        left,
        fate,
        ..Machine::default()
    }))
}

/// The same machine after its power came back.
fn restarted(machine: &Arc<Mutex<Machine>>) -> Arc<Mutex<Machine>> {
    let old = machine.lock().unwrap();
    let contents = |disk: &Contents| Contents {
        durable: disk.after(old.fate),
        written: Vec::new(),
    };
    Arc::new(Mutex::new(Machine {
        disks: [0, 1, 2].map(|number| contents(&old.disks[number])),
        left: usize::MAX,
        fate: Fate::Kept,
    }))
}

fn holds(machine: &Arc<Mutex<Machine>>, bytes: &[u8]) -> bool {
    let machine = machine.lock().unwrap();
    let mut disks = machine.disks.iter().map(Contents::now);
    disks.any(|disk| disk.windows(bytes.len()).any(|part| part == bytes))
}

/// Runs `work` on machines that fail ever later, until one does not fail; `check` sees each after its restart.
fn at_every_point<T>(
    mut work: impl FnMut(&Arc<Mutex<Machine>>) -> (T, bool),
    mut check: impl FnMut(T, &Arc<Mutex<Machine>>, &str),
) -> usize {
    let mut points = 0;
    for fate in [Fate::Kept, Fate::Lost, Fate::Torn, Fate::Reordered] {
        for left in 0.. {
            let machine = machine(left, fate);
            let (known, whole) = work(&machine);
            check(
                known,
                &restarted(&machine),
                &format!("{fate:?} after {left}"),
            );
            points += 1;
            if whole {
                break;
            }
        }
    }
    points
}

/// What a caller of the slots may count on, by number of the entry.
#[derive(Default)]
struct Told {
    /// What it was told is there.
    there: HashMap<u8, Vec<u8>>,
    /// What it was told is gone.
    gone: Vec<Vec<u8>>,
    /// What it was told nothing of: may be there or not.
    open: Option<(u8, Vec<u8>)>,
}

fn content(number: u8, round: u8, length: usize) -> Vec<u8> {
    let mut content = vec![number; length];
    content[..8].copy_from_slice(&[number, round, 0xaa, 0x55, 0x11, 0x99, number, round]);
    content
}

/// Puts, replaces by longer content and wipes; `Err` when the power failed.
fn slots_script(slots: &Slots, told: &mut Told) -> Result<(), ()> {
    for (round, length) in [(1, 40), (2, 300), (3, 2000), (4, 50)] {
        for number in 1..=3 {
            let new = content(number, round, length);
            told.open = Some((number, new.clone()));
            let id = [number; 32];
            let entry = Entry {
                id,
                kind: 7,
                content: &new,
            };
            slots.put(&[entry]).map_err(drop)?;
            told.gone.extend(told.there.insert(number, new));
            told.open = None;
        }
        // Wiping may have happened or not when it was not acknowledged.
        let wiped = told.there.remove(&2).unwrap_or_default();
        told.open = Some((2, wiped.clone()));
        slots.wipe(&[[2; 32]]).map_err(drop)?;
        told.open = None;
        told.gone.push(wiped);
    }
    Ok(())
}

#[test]
fn acknowledged_entries_survive_and_wiped_ones_do_not_return() {
    let points = at_every_point(
        |machine| {
            let mut told = Told::default();
            let opened = Slots::open(drives(machine)).map_err(drop);
            let done = opened.and_then(|(slots, _)| slots_script(&slots, &mut told));
            (told, done.is_ok())
        },
        |told, machine, point| {
            let (slots, recovery) = Slots::open(drives(machine)).unwrap();
            for number in 1..=3 {
                let found = slots.get(&[number; 32]).unwrap();
                let known = told.there.get(&number).cloned();
                let open = told.open.iter().find(|(n, _)| *n == number);
                let open = open.map(|(_, content)| content.clone());
                let fits = found == known || (open.is_some() && found == open);
                assert!(fits, "{point}: {number} is {found:?}");
            }
            for gone in &told.gone {
                let again = told.there.values().any(|c| c == gone);
                assert!(again || !holds(machine, gone), "{point}: {gone:?}");
            }
            // Nothing is left to do, but for torn slots, which wait for who knows that nothing is missing.
            let (again, recovered) = Slots::open(drives(machine)).unwrap();
            assert_eq!(recovered.superseded, 0, "{point}");
            assert_eq!(recovered.torn, recovery.torn, "{point}");
            assert_eq!(again.wipe_torn().unwrap(), recovery.torn, "{point}");
            drop(again);
            let (again, recovered) = Slots::open(drives(machine)).unwrap();
            assert_eq!((recovered.torn, recovered.superseded), (0, 0), "{point}");
            assert_eq!(recovered.entries, recovery.entries, "{point}");
            again
                .put(&[Entry {
                    id: [9; 32],
                    kind: 7,
                    content: b"more",
                }])
                .unwrap();
        },
    );
    assert!(points > 150, "{points} points");
}

fn place() -> Place {
    let account = AccountId::new("111122223333").unwrap();
    Place::new(&account, &Region::us_east_1(), None)
}

fn id(number: u64) -> MaterialId {
    MaterialId::of("key", &number.to_be_bytes())
}

fn roots() -> [Root; 2] {
    let random = &mut Counting::default();
    [Root::generate(random), Root::generate(random)]
}

fn open(machine: &Arc<Mutex<Machine>>, roots: Vec<Root>) -> Result<Keys, OpenError> {
    let (slots, _) = Slots::open(drives(machine))?;
    let clock = Arc::new(ManualClock::new(Millis(1_800_000_000_000)));
    Keys::open(slots, roots, clock, &mut OsRandom)
}

/// Materials that were acknowledged as kept, with their secrets, and as destroyed.
#[derive(Default)]
struct Materials {
    kept: HashMap<u64, Vec<u8>>,
    destroyed: Vec<u64>,
}

/// Makes materials, rotates domain and root keys, rewraps, destroys; `Err` when the power failed.
fn keys_script(keys: &Keys, told: &mut Materials) -> Result<(), ()> {
    let mut random = Counting::default();
    let specs = [
        KeySpec::SymmetricDefault,
        KeySpec::EccNistP256,
        KeySpec::Hmac512,
    ];
    for (number, spec) in (0_u64..).zip(specs) {
        let material = Material::generate(spec, &mut random).unwrap();
        let secret = material.to_secret_bytes().unwrap().expose().to_vec();
        keys.store(&place(), id(number), material, &mut random)
            .map_err(drop)?;
        told.kept.insert(number, secret);
    }
    keys.rotate_domain_keys(0, &mut random).map_err(drop)?;
    keys.rewrap(2, &mut random, || true).map_err(drop)?;
    // Unknown while it is under way.
    told.kept.remove(&1);
    keys.destroy(&place(), &[id(1)]).map_err(drop)?;
    told.destroyed.push(1);
    keys.rotate_domain_keys(0, &mut random).map_err(drop)?;
    let [_, new] = roots();
    keys.rotate_root(new, &mut random).map_err(drop)?;
    keys.rewrap(1, &mut random, || true).map_err(drop)?;
    Ok(())
}

#[test]
fn rotation_rewrap_and_destruction_hold_at_every_point() {
    let points = at_every_point(
        |machine| {
            let mut told = Materials::default();
            let [old, _] = roots();
            let opened = open(machine, vec![old]).map_err(drop);
            let done = opened.and_then(|keys| keys_script(&keys, &mut told));
            (told, done.is_ok())
        },
        |told, machine, point| {
            let [old, new] = roots();
            let keys = open(machine, vec![new, old]).unwrap();
            for (number, secret) in &told.kept {
                let found = keys.load(&place(), id(*number));
                let found = found.unwrap_or_else(|error| panic!("{point}: {number}: {error}"));
                assert!(found.to_secret_bytes().unwrap().matches(secret), "{point}");
            }
            for number in &told.destroyed {
                assert!(keys.load(&place(), id(*number)).is_err(), "{point}");
            }
            // What was begun is ended, and then the new root alone is enough.
            keys.rewrap(10, &mut Counting::default(), || true).unwrap();
            drop(keys);
            let [_, new] = roots();
            let keys = open(machine, vec![new]).unwrap();
            for number in told.kept.keys() {
                assert!(keys.load(&place(), id(*number)).is_ok(), "{point}");
            }
        },
    );
    assert!(points > 100, "{points} points");
}
