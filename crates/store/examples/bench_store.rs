//! Measures the store: `cargo run --release -p palisade-store --example bench_store -- FOLDER [RECORDS]`.
//!
//! What `ENGINE.md` reports comes from here. Each figure is one line; compare them within one run only.

use palisade_store::engine::{Batch, Engine, Space, fjall::FjallEngine};
use palisade_store::{Durability, Fact, History, Millis, Options, Position, Sought, Store, Table};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

static USERS: Table<(String, String), Vec<u8>> = Table::new("iam.user");
const ACCOUNT: &str = "111122223333";
const CONNECTIONS: u64 = 16;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("name a folder that may be written")?);
    let records: u64 = args.next().map_or(Ok(1_000_000), |text| text.parse())?;
    for round in 1..=3 {
        let raw = raw_engine(&folder.join(format!("raw{round}")), 10_000)?;
        let store = open(&folder.join(format!("write{round}")))?;
        let (rate, p50, p99) = creations(&store, 10_000, 0).await?;
        println!(
            "round {round}: engine alone {raw:.0}/s, CreateUser {rate:.0}/s ({:.2}), p50 {p50:?} p99 {p99:?}",
            rate / raw
        );
    }
    crowded(&folder.join("crowded")).await?;
    lone(&folder.join("lone")).await?;
    reads(&folder.join("reads")).await?;
    many_records(&folder.join("many"), records).await
}

fn open(folder: &Path) -> Result<Store, Box<dyn std::error::Error>> {
    let started = Instant::now();
    let store = Store::open(folder, Options::default())?;
    println!(
        "open at {}: {:?}, {}",
        store.head().position,
        started.elapsed(),
        memory()
    );
    Ok(store)
}

/// What the engine itself can do: as many rows a flush as there are connections.
fn raw_engine(folder: &Path, count: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let mut engine = FjallEngine::open(folder)?;
    let started = Instant::now();
    for group in 0..count / CONNECTIONS {
        let mut batch = Batch::default();
        for n in 0..CONNECTIONS {
            batch.put(
                Space::State,
                format!("{:016x}", mix(group * CONNECTIONS + n)).into(),
                vec![n as u8; 300],
            );
        }
        engine.apply(batch, true)?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Calls that look, write and are recorded; the rate, the median and the 99th percentile.
async fn creations(
    store: &Store,
    count: u64,
    base: u64,
) -> Result<(f64, Duration, Duration), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let tasks = (0..CONNECTIONS).map(|connection| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut took = Vec::new();
            for n in 0..count / CONNECTIONS {
                let n = base + n * CONNECTIONS + connection;
                let began = Instant::now();
                create(&store, n).await;
                took.push(began.elapsed());
            }
            took
        })
    });
    let mut took = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        took.extend(task.await?);
    }
    let rate = took.len() as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    Ok((rate, took[took.len() / 2], took[took.len() * 99 / 100]))
}

async fn create(store: &Store, n: u64) {
    let mut tx = store.begin().expect("begin");
    let key = (ACCOUNT.to_owned(), format!("user-{:016x}", mix(n)));
    assert!(!tx.contains(&USERS, &key).expect("read"));
    tx.put(&USERS, &key, &vec![n as u8; 150]).expect("write");
    store
        .commit(tx, call(n, "CreateUser"), Durability::Durable)
        .await
        .expect("commit");
}

/// Creations among 100,000 users, against creations among none.
async fn crowded(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(folder)?;
    let (empty, ..) = creations(&store, 10_000, 0).await?;
    let mut tx = store.begin()?;
    for n in 0..100_000 {
        tx.put(
            &USERS,
            &(ACCOUNT, format!("member-{:016x}", mix(n))),
            &vec![n as u8; 150],
        )?;
        if n % 5_000 == 4_999 {
            let full = std::mem::replace(&mut tx, store.begin()?);
            store
                .commit(full, Fact::default(), Durability::Durable)
                .await?;
            tx = store.begin()?;
        }
    }
    let (full, ..) = creations(&store, 10_000, 1 << 32).await?;
    println!(
        "CreateUser among 100,000: {full:.0}/s, among none {empty:.0}/s ({:.2})",
        full / empty
    );
    Ok(())
}

/// Bytes of journal for records that are each alone in their group.
async fn lone(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(folder)?;
    for n in 0..500 {
        let tx = store.begin()?;
        store
            .commit(tx, call(n, "GetCallerIdentity"), Durability::Durable)
            .await?;
    }
    let raw = call(0, "GetCallerIdentity");
    let raw = raw.call.len() + raw.questions.len();
    println!(
        "a lone GetCallerIdentity of {raw} bytes: {} bytes stored",
        stored(&store)? / 500
    );
    Ok(())
}

/// Bytes of all rows in a backup: keys and values as they are given to the engine.
fn stored(store: &Store) -> Result<u64, Box<dyn std::error::Error>> {
    Ok(store.backup(std::io::sink())?.bytes)
}

/// What a call that only reads costs the caller.
async fn reads(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(folder)?;
    creations(&store, 1_600, 0).await?;
    let keys: Vec<_> = (0..100).map(|n| format!("user-{:016x}", mix(n))).collect();
    let started = Instant::now();
    for n in 0..200_000usize {
        let tx = store.begin()?;
        for i in 0..4 {
            assert!(
                tx.get_cached(&USERS, &(ACCOUNT, keys[(n + i) % 100].as_str()))?
                    .is_some()
            );
        }
    }
    println!(
        "begin and 4 cached reads: {:?}",
        started.elapsed() / 200_000
    );
    let started = Instant::now();
    for n in 0..200_000usize {
        let tx = store.begin()?;
        assert!(
            tx.get(&USERS, &(ACCOUNT, keys[n % 100].as_str()))?
                .is_some()
        );
    }
    println!(
        "begin and 1 read of the engine: {:?}",
        started.elapsed() / 200_000
    );
    let facts: Vec<_> = (0..20_000).map(|n| call(n, "GetCallerIdentity")).collect();
    let started = Instant::now();
    for fact in facts {
        store.commit(store.begin()?, fact, Durability::Lazy).await?;
    }
    println!(
        "a lazy commit: {:?} for the caller, committer included where it keeps up",
        started.elapsed() / 20_000
    );
    store.flush().await?;
    Ok(())
}

async fn many_records(folder: &Path, count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(folder)?;
    let started = Instant::now();
    for n in 0..count {
        store
            .commit(
                store.begin()?,
                call(n, "GetCallerIdentity"),
                Durability::Lazy,
            )
            .await?;
    }
    store.flush().await?;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!(
        "{count} lazy records: {rate:.0}/s, {} bytes a record stored, {}",
        stored(&store)? / count,
        memory()
    );
    drop(store);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let store = open(folder)?;
    let started = Instant::now();
    let mut bytes = 0;
    store.journal().read(Position(0), &mut |record| {
        bytes += record.fact.call.len() + record.fact.questions.len();
        ControlFlow::Continue(())
    })?;
    println!("reading all {} MB: {:?}", bytes >> 20, started.elapsed());
    let mut newest = 0;
    let started = Instant::now();
    store.journal().history(
        &History::new(ACCOUNT, "us-east-1"),
        Position(u64::MAX),
        &mut |_| {
            newest += 1;
            if newest == 50 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    println!("the newest 50 of a history: {:?}", started.elapsed());
    let middle = store
        .journal()
        .at(Position(count / 2))?
        .ok_or("no record")?;
    let started = Instant::now();
    let found = store
        .journal()
        .request(&[middle.fact.request_id], None, 1_000_000)?;
    assert!(matches!(found, Sought::Found(_)));
    println!("a record by its request's id: {:?}", started.elapsed());
    let started = Instant::now();
    let verified = store.journal().verify()?;
    println!(
        "verifying: {:?}, {} damages",
        started.elapsed(),
        verified.damages.len()
    );
    println!("{}", memory());
    Ok(())
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.map_or_else(
        || "memory unknown".into(),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// About a kilobyte that looks like a call by one of 50 users.
fn call(n: u64, name: &str) -> Fact {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let now = since.as_millis() as u64;
    let mut request_id = [0; 16];
    request_id[..6].copy_from_slice(&now.to_be_bytes()[2..]);
    request_id[8..].copy_from_slice(&mix(n).to_be_bytes());
    let hex: String = request_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (user, event) = (mix(n) % 50, (mix(n + 2), mix(n + 3)));
    let call = format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDA{user:017}","arn":"arn:aws:iam::{ACCOUNT}:user/user-{user}","accountId":"{ACCOUNT}","accessKeyId":"AKIA{:016X}","userName":"user-{user}"}},"eventTime":{now},"eventSource":"sts.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/2.15.30 Python/3.11.8 Linux/6.1.0 exe/x86_64 prompt/off command/sts.get-caller-identity","requestParameters":null,"responseElements":null,"requestID":"{hex}","eventID":"{:016x}-{:016x}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{ACCOUNT}","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"sts.us-east-1.amazonaws.com"}}}}"#,
        mix(user),
        event.0,
        event.1
    );
    let questions = format!(
        r#"{{"principal":"arn:aws:iam::{ACCOUNT}:user/user-{user}","action":"sts:{name}","resource":"*","context":{{"aws:SourceIp":"127.0.0.1","aws:CurrentTime":{now}}},"policies":["arn:aws:iam::{ACCOUNT}:policy/p{user}"]}}"#
    );
    Fact {
        histories: vec![History::new(ACCOUNT, "us-east-1")],
        request_id,
        time: Millis(now),
        call: call.into_bytes(),
        questions: questions.into_bytes(),
    }
}
