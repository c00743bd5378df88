//! Killed again and again under load: what was acknowledged is there, and writes and records come in pairs.
//!
//! The test runs itself as the child that is killed. `PALISADE_CRASH_ROUNDS=n` sets how often (10 by default).

use palisade_store::{CommitError, Durability, Fact, History, Options, Position, Store, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What each task wrote, by task and number.
static ROWS: Table<(u64, u64), String> = Table::new("crash.row");
/// How many rows there are: read and written by every commit, so that they conflict.
static TOTAL: Table<(String,), u64> = Table::new("crash.total");

const CHILD: &str = "PALISADE_CRASH_CHILD";

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let rounds =
        std::env::var("PALISADE_CRASH_ROUNDS").map_or(10, |text| text.parse::<u64>().unwrap());
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let before = acknowledged.len();
        run_and_kill(folder.path(), 40 + round * 37 % 150, &mut acknowledged);
        check(folder.path(), &acknowledged);
        println!(
            "round {round}: {} acknowledged",
            acknowledged.len() - before
        );
    }
    assert!(
        acknowledged.len() as u64 > rounds,
        "the child got nothing done: {}",
        acknowledged.len()
    );
}

fn run_and_kill(folder: &Path, millis: u64, acknowledged: &mut BTreeSet<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "child_that_is_killed",
        ])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Wait until it works, let it, and kill it; then take what it had said.
    let ready = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line == "ready");
    assert!(ready.is_some(), "the child did not start");
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(millis));
    child.kill().unwrap();
    child.wait().unwrap();
    let said = reader.join().unwrap();
    acknowledged.extend(
        said.iter()
            .filter_map(|line| line.strip_prefix("ack ")?.strip_suffix('.'))
            .map(str::to_owned),
    );
}

fn check(folder: &Path, acknowledged: &BTreeSet<String>) {
    let store = Store::open(folder, Options::default()).unwrap();
    let mut calls = BTreeMap::new();
    let walk = store.journal().read(Position(0), &mut |record| {
        let call = String::from_utf8(record.fact.call).unwrap();
        if call != "lazy" {
            assert_eq!(
                record.writes.len(),
                if call.starts_with("write") { 2 } else { 0 }
            );
            assert!(
                calls.insert(call, record.position).is_none(),
                "recorded twice"
            );
        }
        ControlFlow::Continue(())
    });
    walk.unwrap();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|call| !calls.contains_key(*call))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let tx = store.begin().unwrap();
    let rows = tx.range(&ROWS, &(), None, usize::MAX).unwrap();
    for ((task, n), call) in &rows {
        assert_eq!(*call, format!("write {task} {n}"));
        assert!(
            calls.contains_key(call),
            "a write without its record: {call}"
        );
    }
    let records = calls
        .keys()
        .filter(|call| call.starts_with("write"))
        .count();
    assert_eq!(records, rows.len(), "a record without its write");
    assert_eq!(
        tx.get(&TOTAL, &("rows",)).unwrap().unwrap_or(0),
        rows.len() as u64
    );
    assert_eq!(store.journal().verify().unwrap().damages, []);
}

#[test]
#[ignore = "the child of the test above"]
fn child_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&folder), Options::default()).unwrap();
        let start = store.head().position.0;
        say("ready");
        let tasks = (0..8u64).map(|task| tokio::spawn(work(store.clone(), task, start)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

async fn work(store: Store, task: u64, start: u64) {
    for n in start.. {
        let call = if n % 3 == 0 {
            format!("read {task} {n}")
        } else {
            format!("write {task} {n}")
        };
        let fact = |call: &str| Fact {
            histories: vec![History::new("1", "r")],
            call: call.into(),
            ..Fact::default()
        };
        loop {
            let mut tx = store.begin().unwrap();
            if n % 3 != 0 {
                let total = tx.get(&TOTAL, &("rows",)).unwrap().unwrap_or(0);
                tx.put(&TOTAL, &("rows",), &(total + 1)).unwrap();
                tx.put(&ROWS, &(task, n), &call).unwrap();
            }
            match store.commit(tx, fact(&call), Durability::Durable).await {
                Ok(_) => break say(&format!("ack {call}.")),
                Err(CommitError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let tx = store.begin().unwrap();
        store
            .commit(tx, fact("lazy"), Durability::Lazy)
            .await
            .unwrap();
    }
}

/// One line in one write, so that a kill cannot tear it into the next.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
