//! Backup and restore.

use palisade_store::engine::{Batch, Engine, Space, fjall::FjallEngine};
use palisade_store::{
    Durability, Fact, History, OpenError, Options, Position, RestoreError, Store, Table,
};

static NOTES: Table<(u64,), String> = Table::new("test.note");

async fn fill(store: &Store, keys: std::ops::Range<u64>) {
    for n in keys {
        let mut tx = store.begin().unwrap();
        tx.put(
            &NOTES,
            &(n % 50,),
            &format!("value {n} {}", "x".repeat(1_000)),
        )
        .unwrap();
        let fact = Fact {
            histories: vec![History::new("1", "r")],
            call: n.to_string().into(),
            ..Fact::default()
        };
        store.commit(tx, fact, Durability::Durable).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_is_the_state_of_one_commit_and_opens_as_a_store() {
    let store = Store::open_memory(Options::default()).unwrap();
    fill(&store, 0..150).await;
    let mut backup = Vec::new();
    let summary = store.backup(&mut backup).unwrap();
    assert_eq!(
        (summary.position, summary.bytes),
        (Position(150), backup.len() as u64)
    );
    fill(&store, 150..170).await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new");
    assert_eq!(Store::restore(backup.as_slice(), &target).unwrap(), summary);
    let restored = Store::open(&target, Options::default()).unwrap();
    assert_eq!(restored.head().position, Position(150));
    assert_eq!(restored.journal().verify().unwrap().damages, []);
    let then = store
        .as_of(Position(150))
        .unwrap()
        .range(&NOTES, &(), None, 99)
        .unwrap();
    assert_eq!(
        restored
            .begin()
            .unwrap()
            .range(&NOTES, &(), None, 99)
            .unwrap(),
        then
    );
    let earlier = |store: &Store| {
        store
            .as_of(Position(70))
            .unwrap()
            .range(&NOTES, &(), None, 99)
            .unwrap()
    };
    assert_eq!(earlier(&restored), earlier(&store));
    fill(&restored, 0..3).await;
    let refused = Store::restore(backup.as_slice(), &target);
    assert!(
        matches!(refused, Err(RestoreError::NotEmpty(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_backup_that_was_cut_or_changed_is_refused_and_leaves_nothing() {
    let store = Store::open_memory(Options::default()).unwrap();
    fill(&store, 0..3).await;
    let mut backup = Vec::new();
    store.backup(&mut backup).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new");
    for at in [0, 20, backup.len() / 2, backup.len() - 40, backup.len() - 1] {
        let mut changed = backup.clone();
        changed[at] ^= 4;
        assert!(
            Store::restore(changed.as_slice(), &target).is_err(),
            "changed at {at}"
        );
        assert!(
            Store::restore(&backup[..at], &target).is_err(),
            "cut at {at}"
        );
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
    }
    Store::restore(backup.as_slice(), &target).unwrap();
}

#[test]
fn what_is_no_store_or_a_newer_one_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let put = |key: &[u8], value: &[u8]| {
        let mut engine = FjallEngine::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        batch.put(Space::Meta, key.to_vec(), value.to_vec());
        engine.apply(batch, true).unwrap();
    };
    put(b"other", b"thing");
    assert!(matches!(
        Store::open(folder.path(), Options::default()),
        Err(OpenError::NotAStore(_))
    ));
    // The format row, as a newer program would write it: its name, version 2, and the first bytes of their SHA-256.
    let mut row = b"\x0epalisade store\x02".to_vec();
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&row);
    row.extend_from_slice(&sum[..8]);
    put(b"format", &row);
    let refused = Store::open(folder.path(), Options::default());
    assert!(matches!(
        refused,
        Err(OpenError::Newer { found: 2, known: 1 })
    ));
    put(b"format", b"garbage");
    assert!(matches!(
        Store::open(folder.path(), Options::default()),
        Err(OpenError::NotAStore(_))
    ));
}
