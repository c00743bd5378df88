//! The journal of a stopped server's data folder: `fill` repeats recorded calls, `size` weighs what is kept of them.

use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use palisade_core::record::ApiCall;
use palisade_store::engine::fjall::FjallEngine;
use palisade_store::engine::{Direction, Engine as _, Space};
use palisade_store::{Durability, Fact, Options, Position, Store};
use uuid::Uuid;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Repeat the recorded calls that asked a question, in turn, with ids and times of their own
    Fill {
        /// The data folder
        folder: PathBuf,
        /// How many records to add
        #[arg(long, default_value_t = 1_000_000)]
        records: u64,
    },
    /// Print what the journal's rows weigh: `{"records": N, "bytes": N, "links": N, "bodies": N, "histories": N, "state": N}`
    Size {
        /// The data folder
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Fill { folder, records } => fill(&folder.join("store"), records).await,
        Command::Size { folder } => size(&folder.join("store")),
    }
}

async fn fill(folder: &Path, records: u64) -> anyhow::Result<()> {
    let store = Store::open(folder, Options::default())?;
    let mut facts = Vec::new();
    store.journal().read(Position(0), &mut |record| {
        if !record.fact.questions.is_empty() {
            facts.push(record.fact);
        }
        ControlFlow::Continue(())
    })?;
    ensure!(!facts.is_empty(), "no recorded call asked a question");
    for fact in facts.iter().cycle().take(usize::try_from(records)?) {
        let tx = store.begin()?;
        let fact = again(fact, tx.time().0)?;
        store.commit(tx, fact, Durability::Lazy).await?;
    }
    store.flush().await?;
    println!("{{\"position\": {}}}", store.journal().head().position);
    Ok(())
}

/// The same call once more, now.
fn again(fact: &Fact, now_ms: u64) -> anyhow::Result<Fact> {
    let mut call = ApiCall::from_bytes(&fact.call).context("a record that cannot be read")?;
    call.request_id = Uuid::now_v7();
    call.time_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(Fact {
        request_id: *call.request_id.as_bytes(),
        time: palisade_store::Millis(now_ms),
        call: call.to_bytes(),
        ..fact.clone()
    })
}

fn size(folder: &Path) -> anyhow::Result<()> {
    let records = Store::open(folder, Options::default())?
        .journal()
        .head()
        .position;
    let snapshot = FjallEngine::open(folder)?.snapshot()?;
    let mut bytes = Vec::new();
    for space in [Space::Links, Space::Bodies, Space::Histories, Space::State] {
        let mut total = 0;
        let all = (Bound::Unbounded, Bound::Unbounded);
        snapshot.scan(space, all, Direction::Forward, &mut |key, value| {
            total += key.len() + value.len();
            ControlFlow::Continue(())
        })?;
        bytes.push(total);
    }
    let total: usize = bytes[..3].iter().sum();
    println!(
        "{{\"records\": {records}, \"bytes\": {total}, \"links\": {}, \"bodies\": {}, \"histories\": {}, \"state\": {}}}",
        bytes[0], bytes[1], bytes[2], bytes[3]
    );
    Ok(())
}
