//! Transactions, commits and the journal, through the public door.

use palisade_store::{
    CommitError, Durability, Fact, History, ManualClock, Millis, Options, Position, Sought, Store,
    Table,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

static NOTES: Table<(String, u64), String> = Table::new("test.note");

fn fact(call: &str) -> Fact {
    let mut request_id = [7; 16];
    request_id[8..].copy_from_slice(&call.len().to_be_bytes());
    Fact {
        histories: vec![History::new("1", "us-east-1")],
        request_id,
        call: call.as_bytes().to_vec(),
        questions: b"may they?".to_vec(),
        ..Fact::default()
    }
}

async fn put(store: &Store, key: (&str, u64), value: &str) -> Position {
    let mut tx = store.begin().unwrap();
    tx.put(&NOTES, &key, &value.to_owned()).unwrap();
    store
        .commit(tx, fact("Put"), Durability::Durable)
        .await
        .unwrap()
        .position
        .unwrap()
}

fn history(store: &Store, account: &str) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let history = History::new(account, "us-east-1");
    let walk = store
        .journal()
        .history(&history, Position(u64::MAX), &mut |record| {
            found.push((
                record.position.0,
                String::from_utf8(record.fact.call).unwrap(),
            ));
            ControlFlow::Continue(())
        });
    walk.unwrap();
    found
}

#[tokio::test]
async fn a_commit_that_read_what_changed_since_conflicts_and_leaves_nothing() {
    let store = Store::open_memory(Options::default()).unwrap();
    put(&store, ("a", 1), "one").await;
    let mut first = store.begin().unwrap();
    let mut second = store.begin().unwrap();
    assert_eq!(
        first.get(&NOTES, &("a", 1u64)).unwrap().as_deref(),
        Some("one")
    );
    assert_eq!(
        second
            .get_cached(&NOTES, &("a", 1u64))
            .unwrap()
            .unwrap()
            .as_str(),
        "one"
    );
    first.put(&NOTES, &("a", 1u64), &"two".to_owned()).unwrap();
    second
        .put(&NOTES, &("a", 2u64), &"from one".to_owned())
        .unwrap();
    store
        .commit(first, fact("First"), Durability::Durable)
        .await
        .unwrap();
    let refused = store
        .commit(second, fact("Second"), Durability::Durable)
        .await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(
        store.begin().unwrap().get(&NOTES, &("a", 2u64)).unwrap(),
        None
    );
    assert_eq!(
        history(&store, "1"),
        [(2, "First".into()), (1, "Put".into())]
    );
}

#[tokio::test]
async fn a_row_that_appears_in_a_range_that_was_read_conflicts() {
    let store = Store::open_memory(Options::default()).unwrap();
    put(&store, ("a", 1), "one").await;
    put(&store, ("a", 5), "five").await;
    let mut whole = store.begin().unwrap();
    let mut page = store.begin().unwrap();
    assert_eq!(whole.range(&NOTES, &("a",), None, 10).unwrap().len(), 2);
    assert_eq!(page.range(&NOTES, &("a",), None, 1).unwrap().len(), 1);
    whole
        .put(&NOTES, &("b", 1u64), &"2 rows".to_owned())
        .unwrap();
    page.put(&NOTES, &("b", 2u64), &"1 row".to_owned()).unwrap();
    put(&store, ("a", 3), "three").await;
    let refused = store
        .commit(whole, fact("Whole"), Durability::Durable)
        .await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    store
        .commit(page, fact("Page"), Durability::Durable)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_among_what_is_there() {
    let store = Store::open_memory(Options::default()).unwrap();
    for n in [1, 3, 5] {
        put(&store, ("a", n), "there").await;
    }
    let mut tx = store.begin().unwrap();
    tx.delete(&NOTES, &("a", 3u64)).unwrap();
    tx.put(&NOTES, &("a", 5u64), &"mine".to_owned()).unwrap();
    tx.put(&NOTES, &("a", 6u64), &"mine".to_owned()).unwrap();
    tx.put(&NOTES, &("b", 0u64), &"other".to_owned()).unwrap();
    assert_eq!(tx.get(&NOTES, &("a", 3u64)).unwrap(), None);
    assert_eq!(
        tx.get_cached(&NOTES, &("a", 6u64))
            .unwrap()
            .unwrap()
            .as_str(),
        "mine"
    );
    let keys = |rows: Vec<((String, u64), String)>| {
        rows.into_iter()
            .map(|((_, n), v)| (n, v))
            .collect::<Vec<_>>()
    };
    let (there, mine) = ("there".to_owned(), "mine".to_owned());
    let all = [(1, there.clone()), (5, mine.clone()), (6, mine.clone())];
    assert_eq!(keys(tx.range(&NOTES, &("a",), None, 10).unwrap()), all);
    assert_eq!(
        keys(tx.range_back(&NOTES, &("a",), None, 2).unwrap()),
        [all[2].clone(), all[1].clone()]
    );
    assert_eq!(
        keys(
            tx.range(&NOTES, &("a",), Some(&("a".into(), 1)), 1)
                .unwrap()
        ),
        [all[1].clone()]
    );
}

#[tokio::test]
async fn every_past_state_can_be_read() {
    let store = Store::open_memory(Options::default()).unwrap();
    let first = put(&store, ("a", 1), "one").await;
    let second = put(&store, ("a", 2), "two").await;
    let third = put(&store, ("a", 1), "uno").await;
    let mut tx = store.begin().unwrap();
    tx.delete(&NOTES, &("a", 2u64)).unwrap();
    let fourth = store
        .commit(tx, fact("Delete"), Durability::Durable)
        .await
        .unwrap()
        .position
        .unwrap();
    put(&store, ("a", 2), "again").await;
    let at = |position| {
        let tx = store.as_of(position).unwrap();
        let rows = tx.range(&NOTES, &("a",), None, 9).unwrap();
        let mut back = tx.range_back(&NOTES, &("a",), None, 9).unwrap();
        back.reverse();
        assert_eq!(rows, back);
        for (key, value) in &rows {
            assert_eq!(tx.get(&NOTES, key).unwrap().as_ref(), Some(value));
        }
        rows.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(at(Position(0)), Vec::<String>::new());
    assert_eq!(at(first), ["one"]);
    assert_eq!(at(second), ["one", "two"]);
    assert_eq!(at(third), ["uno", "two"]);
    assert_eq!(at(fourth), ["uno"]);
    assert_eq!(at(store.head().position), ["uno", "again"]);
}

#[tokio::test]
async fn lazy_facts_are_recorded_without_waiting_and_in_order() {
    let store = Store::open_memory(Options::default()).unwrap();
    for n in 0..100 {
        let tx = store.begin().unwrap();
        let committed = store
            .commit(tx, fact(&format!("Read{n}")), Durability::Lazy)
            .await
            .unwrap();
        assert_eq!(committed.position, None);
    }
    store.flush().await.unwrap();
    let found = history(&store, "1");
    assert_eq!(found.len(), 100);
    assert_eq!(found[0], (100, "Read99".into()));
    assert_eq!(history(&store, "2"), []);
}

#[tokio::test]
async fn state_time_never_goes_back() {
    let clock = Arc::new(ManualClock::new(Millis(1_000)));
    let store = Store::open_memory(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .unwrap();
    let one = put(&store, ("a", 1), "one").await;
    clock.set(Millis(10));
    assert_eq!(store.begin().unwrap().time(), Millis(1_000));
    let two = put(&store, ("a", 1), "two").await;
    clock.set(Millis(5_000));
    let three = put(&store, ("a", 1), "three").await;
    let journal = store.journal();
    assert_eq!(journal.at(two).unwrap().unwrap().committed, Millis(1_000));
    assert_eq!(journal.position_at(Millis(999)).unwrap(), Position(0));
    assert_eq!(journal.position_at(Millis(4_999)).unwrap(), two);
    assert_eq!(journal.position_at(Millis(5_000)).unwrap(), three);
    assert_eq!(one, Position(1));
}

#[tokio::test]
async fn a_request_is_found_by_its_id() {
    let clock = Arc::new(ManualClock::new(Millis(1_700_000_000_000)));
    let store = Store::open_memory(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .unwrap();
    let mut ids = Vec::new();
    for n in 0..200u8 {
        clock.advance(Duration::from_millis(37 * u64::from(n % 5)));
        let mut request_id = [n; 16];
        use palisade_store::Clock as _;
        request_id[..6].copy_from_slice(&clock.now().0.to_be_bytes()[2..]);
        ids.push(request_id);
        let tx = store.begin().unwrap();
        let fact = Fact {
            request_id,
            call: vec![n],
            ..fact("")
        };
        let durability = if n % 3 == 0 {
            Durability::Durable
        } else {
            Durability::Lazy
        };
        store.commit(tx, fact, durability).await.unwrap();
    }
    store.flush().await.unwrap();
    for (n, id) in ids.into_iter().enumerate() {
        // Its other name comes to nothing.
        let mut other = id;
        other[15] ^= 0xff;
        let sought = store.journal().request(&[other, id], None, 1000).unwrap();
        let Sought::Found(record) = sought else {
            panic!("request {n} is there")
        };
        assert_eq!(
            (record.fact.call, record.fact.questions),
            (vec![n as u8], b"may they?".to_vec())
        );
    }
    let absent = store.journal().request(&[[0xee; 16]], None, 1000).unwrap();
    assert_eq!(absent, Sought::Absent);
}

#[tokio::test]
async fn a_search_for_a_request_is_bounded_and_goes_on_where_it_ended() {
    use palisade_store::Clock as _;
    let clock = Arc::new(ManualClock::new(Millis(1_700_000_000_000)));
    let store = Store::open_memory(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .unwrap();
    let began = clock.now();
    // Four minutes of a chunk a second; two more much later.
    for n in 0..240u8 {
        put_as(&store, id_at(clock.now(), n)).await;
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_secs(3600));
    let (moving, late) = (id_at(began, 0xee), id_at(began, 0xdd));
    put_as(&store, moving).await;
    put_as(&store, late).await;
    let journal = store.journal();
    let search = |id, from, room| journal.request(&[id], from, room).unwrap();
    // Each chunk counts for itself and its record.
    let unknown = id_at(began, 0xff);
    let Sought::Unfinished(first) = search(unknown, None, 100) else {
        panic!("there is more than it may look at")
    };
    assert_eq!(first, Position(51));
    let mut from = Some(first);
    let mut rounds = 0;
    while let Sought::Unfinished(next) = search(unknown, from, 100) {
        assert!(Some(next) > from);
        (from, rounds) = (Some(next), rounds + 1);
    }
    assert_eq!(rounds, 3, "190 chunks, 50 at a time");
    assert_eq!(search(unknown, None, 1000), Sought::Absent);
    // The first that came later may have moved the clock; what came behind that is no request of that time.
    assert!(matches!(search(moving, None, 1000), Sought::Found(_)));
    assert_eq!(search(late, None, 1000), Sought::Absent);
}

#[tokio::test]
async fn a_request_is_found_though_clocks_differ() {
    use palisade_store::Clock as _;
    let clock = Arc::new(ManualClock::new(Millis(1_700_000_000_000)));
    let store = Store::open_memory(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .unwrap();
    let ahead = id_at(Millis(clock.now().0 + 3000), 0xcc);
    put_as(&store, ahead).await;
    for n in 0..10 {
        clock.advance(Duration::from_secs(1));
        put_as(&store, id_at(clock.now(), n)).await;
    }
    let search = |from, room| store.journal().request(&[ahead], from, room).unwrap();
    let is_found =
        |sought| matches!(sought, Sought::Found(record) if record.position == Position(1));
    assert!(is_found(search(None, 1000)));
    // The eight chunks from its time on are looked at first, then those before.
    let sought = search(None, 16);
    assert_eq!(sought, Sought::Unfinished(Position(1)));
    assert!(is_found(search(Some(Position(1)), 16)));
}

fn id_at(time: Millis, last: u8) -> [u8; 16] {
    let mut id = [last; 16];
    id[..6].copy_from_slice(&time.0.to_be_bytes()[2..]);
    id
}

async fn put_as(store: &Store, request_id: [u8; 16]) {
    let tx = store.begin().unwrap();
    let fact = Fact {
        request_id,
        ..fact("")
    };
    store.commit(tx, fact, Durability::Durable).await.unwrap();
}

#[tokio::test]
async fn reading_starts_after_any_position() {
    let store = Store::open_memory(Options::default()).unwrap();
    for n in 0..50 {
        let tx = store.begin().unwrap();
        store
            .commit(tx, fact(&format!("Read{n}")), Durability::Lazy)
            .await
            .unwrap();
        if n % 7 == 0 {
            put(&store, ("a", n), "x").await;
        }
    }
    store.flush().await.unwrap();
    let head = store.head().position.0;
    assert_eq!(head, 58);
    for after in 0..=head + 1 {
        let mut positions = Vec::new();
        let walk = store.journal().read(Position(after), &mut |record| {
            positions.push(record.position.0);
            ControlFlow::Continue(())
        });
        walk.unwrap();
        assert_eq!(positions, (after + 1..=head).collect::<Vec<_>>());
    }
}
