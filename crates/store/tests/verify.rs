//! Damage is found wherever it is; what retention drops is not damage.

use palisade_store::engine::Space;
use palisade_store::testing::Disk;
use palisade_store::{
    Durability, Fact, Forget, History, Millis, Options, Part, Position, Store, Table,
};
use std::ops::ControlFlow;

static NOTES: Table<(String, u64), String> = Table::new("test.note");

fn options() -> Options {
    Options::default()
}

fn fact(n: u64) -> Fact {
    Fact {
        histories: vec![
            History::new("1", "us-east-1"),
            History::new(format!("{}", n % 3), "eu-west-1"),
        ],
        request_id: [n as u8; 16],
        time: Millis(n),
        call: format!(
            "call number {n} of one and the same caller, who says much the same each time"
        )
        .into_bytes(),
        questions: if n.is_multiple_of(2) {
            b"may they?".to_vec()
        } else {
            Vec::new()
        },
    }
}

/// A store with creations, changes, deletions, reads and several records a group.
async fn fill(store: &Store) {
    for n in 0..60u64 {
        let mut tx = store.begin().unwrap();
        match n % 5 {
            0..3 => tx
                .put(&NOTES, &("a", n % 7), &format!("value {n}"))
                .unwrap(),
            3 => tx.delete(&NOTES, &("a", (n + 1) % 7)).unwrap(),
            _ => {}
        }
        let durability = if n % 5 == 4 {
            Durability::Lazy
        } else {
            Durability::Durable
        };
        store.commit(tx, fact(n), durability).await.unwrap();
    }
    store.flush().await.unwrap();
}

fn open(disk: &Disk) -> Store {
    Store::with_engine(Box::new(disk.engine()), options()).unwrap()
}

#[tokio::test]
async fn a_store_that_nobody_touched_verifies() {
    let disk = Disk::default();
    let store = open(&disk);
    fill(&store).await;
    let verified = store.journal().verify().unwrap();
    assert_eq!(verified.damages, []);
    assert_eq!(verified.records, 60);
    assert!(verified.values > 36, "{verified:?}");
}

#[tokio::test]
async fn every_flipped_byte_is_found_at_its_position() {
    let disk = Disk::default();
    let store = open(&disk);
    fill(&store).await;
    drop(store);
    let mut flips = 0;
    for space in [
        Space::Links,
        Space::Bodies,
        Space::State,
        Space::Versions,
        Space::Histories,
    ] {
        for (key, value) in disk.rows(space) {
            for at in 0..value.len() {
                // Every byte of the small rows, a sample of the large ones.
                if value.len() > 24 && (at * 7 + key.len()) % 29 != 0 {
                    continue;
                }
                let mut damaged = value.clone();
                damaged[at] ^= 1 << (at % 8);
                disk.tamper(space, &key, Some(&damaged));
                let found = open(&disk).journal().verify().unwrap();
                assert!(
                    !found.damages.is_empty(),
                    "{space:?} {} byte {at}",
                    key.escape_ascii()
                );
                if matches!(space, Space::Links | Space::Bodies) {
                    let first = Position(u64::from_be_bytes(key.as_slice().try_into().unwrap()));
                    assert_eq!(found.damages[0].position, first, "{:?}", found.damages);
                }
                flips += 1;
            }
            disk.tamper(space, &key, Some(&value));
        }
    }
    assert!(flips > 250, "{flips}");
    assert_eq!(open(&disk).journal().verify().unwrap().damages, []);
}

#[tokio::test]
async fn every_row_that_is_gone_or_strange_is_found() {
    let disk = Disk::default();
    let store = open(&disk);
    fill(&store).await;
    drop(store);
    for space in [
        Space::Links,
        Space::Bodies,
        Space::State,
        Space::Versions,
        Space::Histories,
    ] {
        for (key, value) in disk.rows(space) {
            disk.tamper(space, &key, None);
            let found = open(&disk).journal().verify().unwrap();
            assert!(
                !found.damages.is_empty(),
                "{space:?} {} gone",
                key.escape_ascii()
            );
            let mut other = key.clone();
            *other.last_mut().unwrap() ^= 0x40;
            disk.tamper(space, &other, Some(&value));
            let found = open(&disk).journal().verify().unwrap();
            assert!(
                !found.damages.is_empty(),
                "{space:?} {} moved",
                key.escape_ascii()
            );
            disk.tamper(space, &key, Some(&value));
            let found = open(&disk).journal().verify().unwrap();
            assert!(
                !found.damages.is_empty(),
                "{space:?} {} twice",
                key.escape_ascii()
            );
            disk.tamper(space, &other, None);
        }
    }
    assert_eq!(open(&disk).journal().verify().unwrap().damages, []);
}

#[tokio::test]
async fn a_journal_cut_at_its_end_does_not_match_its_head() {
    let disk = Disk::default();
    let store = open(&disk);
    fill(&store).await;
    drop(store);
    let (key, _) = disk.rows(Space::Links).pop().unwrap();
    disk.tamper(Space::Links, &key, None);
    disk.tamper(Space::Bodies, &key, None);
    let found = open(&disk).journal().verify().unwrap();
    let first = Position(u64::from_be_bytes(key.as_slice().try_into().unwrap()));
    assert!(
        found
            .damages
            .iter()
            .any(|d| d.position == first && d.part == Part::Missing),
        "{:?}",
        found.damages
    );
}

#[tokio::test]
async fn a_rewritten_record_with_right_checksums_breaks_the_chain() {
    let (disk, other) = (Disk::default(), Disk::default());
    for (disk, n) in [(&disk, 1), (&other, 2)] {
        let store = open(disk);
        for i in 0..3 {
            let tx = store.begin().unwrap();
            store
                .commit(tx, fact(if i == 1 { n } else { 0 }), Durability::Durable)
                .await
                .unwrap();
        }
    }
    for space in [Space::Links, Space::Bodies] {
        let (key, value) = other.rows(space).swap_remove(1);
        disk.tamper(space, &key, Some(&value));
    }
    let found = open(&disk).journal().verify().unwrap();
    assert!(
        found.damages.iter().any(|d| d.part == Part::Link),
        "{:?}",
        found.damages
    );
}

#[tokio::test]
async fn what_is_forgotten_still_verifies_and_the_rest_can_be_read() {
    let disk = Disk::default();
    let store = open(&disk);
    fill(&store).await;
    let horizon = Position(40);
    let states: Vec<_> = (40..=60)
        .map(|p| {
            store
                .as_of(Position(p))
                .unwrap()
                .range(&NOTES, &(), None, 99)
                .unwrap()
        })
        .collect();
    let forgotten = store
        .forget(
            Forget {
                states: horizon,
                records: horizon,
            },
            fact(99),
        )
        .await
        .unwrap();
    assert!(
        forgotten.versions > 5 && forgotten.bodies > 20,
        "{forgotten:?}"
    );
    assert!(forgotten.horizons.journal <= horizon);
    for (p, before) in (40..=60).zip(states) {
        assert_eq!(
            store
                .as_of(Position(p))
                .unwrap()
                .range(&NOTES, &(), None, 99)
                .unwrap(),
            before,
            "position {p}"
        );
    }
    let refused = store.as_of(Position(39)).unwrap_err().to_string();
    assert!(refused.contains("40"), "{refused}");
    let verified = store.journal().verify().unwrap();
    assert_eq!(verified.damages, []);
    assert!(verified.forgotten >= 35, "{verified:?}");
    let mut left = Vec::new();
    let read = |record: palisade_store::Record| {
        left.push(record.position.0);
        ControlFlow::Continue(())
    };
    let mut read = read;
    store
        .journal()
        .history(
            &History::new("1", "us-east-1"),
            Position(u64::MAX),
            &mut read,
        )
        .unwrap();
    left.reverse();
    assert_eq!(
        left,
        (forgotten.horizons.journal.0..=61).collect::<Vec<_>>()
    );
    // Going on, and forgetting again, still fits.
    fill(&store).await;
    store
        .forget(
            Forget {
                states: Position(90),
                records: Position(90),
            },
            fact(98),
        )
        .await
        .unwrap();
    assert_eq!(store.journal().verify().unwrap().damages, []);
    drop(store);
    disk.crash(usize::MAX); // what was dropped last need not be on disk yet: let it be
    let (key, value) = disk.rows(Space::Versions).into_iter().next_back().unwrap();
    disk.tamper(Space::Versions, &key, None);
    assert_ne!(open(&disk).journal().verify().unwrap().damages, []);
    disk.tamper(Space::Versions, &key, Some(&value));
    assert_eq!(open(&disk).journal().verify().unwrap().damages, []);
}

#[tokio::test]
async fn a_destroyed_record_is_gone_and_listed_and_the_others_stay() {
    let store = open(&Disk::default());
    fill(&store).await;
    assert!(store.destroy_record(Position(17)).await.unwrap());
    assert!(!store.destroy_record(Position(17)).await.unwrap());
    assert_eq!(store.journal().at(Position(17)).unwrap(), None);
    assert!(store.journal().at(Position(16)).unwrap().is_some());
    let verified = store.journal().verify().unwrap();
    assert_eq!(
        (verified.damages, verified.destroyed),
        (vec![], vec![Position(17)])
    );
}
