//! The hierarchy over the slots: what opens what, and what is gone for good.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_core::keys::{KeyVault, KeyVaultError, Place};
use palisade_core::{AccountId, OsRandom, Region};
use palisade_keyring::spec::KeySpec;
use palisade_keyring::testing::Counting;
use palisade_keyring::{Material, MaterialId, Root};
use palisade_store::{BranchId, ManualClock, Millis};
use palisade_vault::{Keys, OpenError, files};

const DAY_MS: u64 = 24 * 3600 * 1000;

fn place(region: &str) -> Place {
    let account = AccountId::new("111122223333").unwrap();
    Place::new(&account, &Region::new(region).unwrap(), None)
}

fn id(number: u64) -> MaterialId {
    MaterialId::of("key", &number.to_be_bytes())
}

fn root(number: usize) -> Root {
    let random = &mut Counting::default();
    (0..=number).map(|_| Root::generate(random)).last().unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Millis(1_800_000_000_000)))
}

fn open(folder: &Path, roots: Vec<Root>) -> Result<Keys, OpenError> {
    let (slots, _) = files::open(folder)?;
    Keys::open(slots, roots, clock(), &mut OsRandom)
}

fn store(keys: &Keys, place: &Place, number: u64, spec: KeySpec) -> Vec<u8> {
    let material = Material::generate(spec, &mut OsRandom).unwrap();
    let secret = material.to_secret_bytes().unwrap().expose().to_vec();
    keys.store(place, id(number), material, &mut OsRandom)
        .unwrap();
    secret
}

fn files_of(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

#[test]
fn materials_of_every_kind_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    let mut secrets = Vec::new();
    for (number, spec) in (0..).zip(KeySpec::ALL) {
        secrets.push((number, store(&keys, &place("eu-west-1"), number, *spec)));
    }
    drop(keys);
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    for (number, secret) in &secrets {
        let found = keys.load(&place("eu-west-1"), id(*number)).unwrap();
        assert!(found.to_secret_bytes().unwrap().matches(secret), "{number}");
        let elsewhere = keys.load(&place("us-east-1"), id(*number));
        assert!(matches!(elsewhere, Err(KeyVaultError::Gone)));
    }
    let bytes = files_of(folder.path());
    for (number, secret) in &secrets {
        let end = &secret[secret.len() - 28..];
        let clear = bytes.windows(28).any(|part| part == end);
        assert!(!clear, "{number} is on disk in clear");
    }
}

#[test]
fn what_was_destroyed_does_not_open_with_the_root_and_a_copy_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    store(&keys, &place("eu-west-1"), 2, KeySpec::SymmetricDefault);
    let before = files_of(folder.path());
    keys.destroy(&place("eu-west-1"), &[id(1)]).unwrap();
    assert!(matches!(
        keys.load(&place("eu-west-1"), id(1)),
        Err(KeyVaultError::Gone)
    ));
    let after = files_of(folder.path());
    let has = |bytes: &[u8], id: MaterialId| bytes.windows(32).any(|part| part == id.as_bytes());
    assert!(has(&before, id(1)) && has(&before, id(2)));
    assert!(
        !has(&after, id(1)) && has(&after, id(2)),
        "its token is overwritten"
    );
    drop(keys);
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    assert!(keys.load(&place("eu-west-1"), id(1)).is_err());
    assert!(keys.load(&place("eu-west-1"), id(2)).is_ok());
}

#[test]
fn another_root_opens_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    drop(keys);
    let foreign = open(folder.path(), vec![root(1)]).err();
    assert!(matches!(foreign, Some(OpenError::ForeignRoot(id)) if id == root(0).id()));
}

#[test]
fn after_the_root_is_rotated_the_old_one_and_an_older_copy_are_of_no_use_together_with_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    store(&keys, &place("us-east-1"), 2, KeySpec::SymmetricDefault);
    assert_eq!(keys.rotate_root(root(1), &mut OsRandom).unwrap(), 2);
    assert_eq!(keys.root(), Some(root(1).id()));
    store(&keys, &place("eu-south-1"), 3, KeySpec::SymmetricDefault);
    drop(keys);
    assert!(open(folder.path(), vec![root(0)]).is_err());
    let keys = open(folder.path(), vec![root(1)]).unwrap();
    for (region, number) in [("eu-west-1", 1), ("us-east-1", 2), ("eu-south-1", 3)] {
        assert!(keys.load(&place(region), id(number)).is_ok(), "{region}");
    }
}

#[test]
fn domain_keys_rotate_when_due_and_older_ones_go_once_nothing_needs_them() {
    let clock = clock();
    let slots = files::in_memory().unwrap();
    let random = &mut OsRandom;
    let keys = Keys::open(slots, vec![root(0)], clock.clone(), random).unwrap();
    let west = store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    clock.advance(Duration::from_millis(29 * DAY_MS));
    store(&keys, &place("us-east-1"), 2, KeySpec::SymmetricDefault);
    assert_eq!(keys.rotate_domain_keys(30 * DAY_MS, random).unwrap(), 0);
    clock.advance(Duration::from_millis(DAY_MS));
    assert_eq!(keys.rotate_domain_keys(30 * DAY_MS, random).unwrap(), 1);
    store(&keys, &place("eu-west-1"), 3, KeySpec::SymmetricDefault);
    let stopped = keys.rewrap(1, random, || false).unwrap();
    assert_eq!((stopped.materials, stopped.domain_keys), (0, 0));
    let done = keys.rewrap(1, random, || true).unwrap();
    assert_eq!((done.materials, done.domain_keys), (1, 1));
    let again = keys.rewrap(1, random, || true).unwrap();
    assert_eq!((again.materials, again.domain_keys), (0, 0));
    let found = keys.load(&place("eu-west-1"), id(1)).unwrap();
    assert!(found.to_secret_bytes().unwrap().matches(&west));
}

#[test]
fn only_what_the_state_names_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    for number in 0..5 {
        store(
            &keys,
            &place("eu-west-1"),
            number,
            KeySpec::SymmetricDefault,
        );
    }
    let named = |region: &str, material| region == "eu-west-1" && material == id(3);
    let kept = keys.keep_only(&mut |domain, material| named(domain.region(), material));
    let kept = kept.unwrap();
    assert_eq!((kept.kept, kept.destroyed), (1, 4));
    assert!(keys.load(&place("eu-west-1"), id(3)).is_ok());
    assert!(keys.load(&place("eu-west-1"), id(0)).is_err());
}

#[test]
fn torn_slots_are_wiped_only_while_every_material_opens() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    drop(keys);
    let small = folder.path().join("small");
    let damage = |at: usize| {
        let mut bytes = std::fs::read(&small).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&small, bytes).unwrap();
    };
    // The first slot is the domain's key.
    damage(100);
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    assert_eq!((keys.torn(), keys.materials()), (1, 1));
    assert_eq!(keys.wipe_torn().unwrap(), None);
    // A newer key of the same version does not stand for the one that is damaged.
    store(&keys, &place("eu-west-1"), 2, KeySpec::SymmetricDefault);
    assert_eq!((keys.wipe_torn().unwrap(), keys.torn()), (None, 1));
    keys.destroy(&place("eu-west-1"), &[id(1)]).unwrap();
    assert_eq!((keys.wipe_torn().unwrap(), keys.torn()), (Some(1), 0));
}

#[test]
fn nothing_made_on_a_branch_reaches_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path(), vec![root(0)]).unwrap();
    let account = AccountId::new("111122223333").unwrap();
    let branch = Place::new(&account, &Region::us_east_1(), Some(BranchId(1)));
    let before = files_of(folder.path());
    store(&keys, &branch, 1, KeySpec::SymmetricDefault);
    assert!(keys.load(&branch, id(1)).is_ok() && keys.made_on_branch(&branch, id(1)));
    assert!(keys.load(&place("us-east-1"), id(1)).is_err());
    assert!(files_of(folder.path()) == before);
}

#[test]
fn what_is_destroyed_while_it_is_rewrapped_and_loaded_stays_gone() {
    let slots = files::in_memory().unwrap();
    let keys = Keys::open(slots, vec![root(0)], clock(), &mut OsRandom).unwrap();
    let place = place("eu-west-1");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                keys.rotate_domain_keys(0, &mut OsRandom).unwrap();
                keys.rewrap(3, &mut OsRandom, || true).unwrap();
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for number in 0..200 {
                    match keys.load(&place, id(number)) {
                        Ok(_) | Err(KeyVaultError::Gone) => {}
                        Err(error) => panic!("{number}: {error}"),
                    }
                }
            }
        });
        for number in 0..200 {
            store(&keys, &place, number, KeySpec::SymmetricDefault);
            if number % 2 == 0 {
                keys.destroy(&place, &[id(number)]).unwrap();
                assert!(keys.load(&place, id(number)).is_err(), "{number}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    for number in 0..200 {
        assert_eq!(
            keys.load(&place, id(number)).is_ok(),
            number % 2 == 1,
            "{number}"
        );
    }
}

/// Randomness that lets something happen before it is first asked.
struct Interrupted<F: FnMut()>(Option<F>);

impl<F: FnMut() + Send> palisade_keyring::Random for Interrupted<F> {
    fn fill(&mut self, bytes: &mut [u8]) {
        if let Some(mut first) = self.0.take() {
            first();
        }
        OsRandom.fill(bytes);
    }
}

#[test]
fn a_rewrap_that_another_overtakes_loses_no_material() {
    let slots = files::in_memory().unwrap();
    let keys = Keys::open(slots, vec![root(0)], clock(), &mut OsRandom).unwrap();
    let place = place("eu-west-1");
    store(&keys, &place, 1, KeySpec::SymmetricDefault);
    keys.rotate_domain_keys(0, &mut OsRandom).unwrap();
    std::thread::scope(|scope| {
        // The first rewrap has read the token, and moves it to the second key. Now there is a third, and a rewrap towards that, which
        // either waits or is done before the first goes on.
        let overtake = || {
            keys.rotate_domain_keys(0, &mut OsRandom).unwrap();
            let (done, is_done) = std::sync::mpsc::channel();
            let keys = &keys;
            scope.spawn(move || {
                keys.rewrap(10, &mut OsRandom, || true).unwrap();
                let _ = done.send(());
            });
            let _ = is_done.recv_timeout(Duration::from_millis(300));
        };
        let mut random = Interrupted(Some(overtake));
        keys.rewrap(10, &mut random, || true).unwrap();
    });
    let backup = keys.backup().unwrap();
    let there = tempfile::tempdir().unwrap();
    palisade_vault::backup::restore(&backup[..], there.path()).unwrap();
    let afresh = open(there.path(), vec![root(0)]).unwrap();
    assert!(afresh.load(&place, id(1)).is_ok());
    assert!(!keys.has_older_keys());
}

#[test]
fn a_backup_holds_every_key_wrapped_and_restores() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keys = open(here.path(), vec![root(0)]).unwrap();
    let secret = store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    store(&keys, &place("us-east-1"), 2, KeySpec::Rsa2048);
    keys.rotate_domain_keys(0, &mut OsRandom).unwrap();
    let backup = keys.backup().unwrap();
    assert!(!backup.windows(32).any(|part| part == secret));
    let entries = palisade_vault::backup::restore(&backup[..], there.path()).unwrap();
    assert_eq!(entries, 4 + 2 + 4, "the domain keys come twice");
    let restored = open(there.path(), vec![root(0)]).unwrap();
    let found = restored.load(&place("eu-west-1"), id(1)).unwrap();
    assert!(found.to_secret_bytes().unwrap().matches(&secret));
    assert!(restored.load(&place("us-east-1"), id(2)).is_ok());
    assert!(open(there.path(), vec![root(1)]).is_err());
}

#[test]
fn a_backup_of_keys_that_is_not_whole_is_refused() {
    let here = tempfile::tempdir().unwrap();
    let keys = open(here.path(), vec![root(0)]).unwrap();
    store(&keys, &place("eu-west-1"), 1, KeySpec::SymmetricDefault);
    let backup = keys.backup().unwrap();
    let restore = |bytes: &[u8]| {
        let there = tempfile::tempdir().unwrap();
        palisade_vault::backup::restore(bytes, there.path())
    };
    assert_eq!(restore(&[]).unwrap(), 0, "of a version without a vault");
    for length in (1..backup.len()).step_by(7) {
        assert!(restore(&backup[..length]).is_err(), "{length} bytes");
    }
    for at in (0..backup.len()).step_by(11) {
        let mut changed = backup.clone();
        changed[at] ^= 1;
        assert!(restore(&changed).is_err(), "byte {at}");
    }
    let there = tempfile::tempdir().unwrap();
    palisade_vault::backup::restore(&backup[..], there.path()).unwrap();
    let again = palisade_vault::backup::restore(&backup[..], there.path());
    assert!(again.is_err(), "there are keys already");
}
