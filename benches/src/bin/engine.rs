//! The yardstick of writes: the embedded engine alone, writers that wait for a committer which writes what waits with one flush.
//!
//! The engine is set up as `palisade-store` sets it up. Prints `{"writes": N, "seconds": S}`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use palisade_store::engine::fjall::FjallEngine;
use palisade_store::engine::{Batch, Engine as _, Space};

#[derive(Parser)]
struct Options {
    /// An empty folder
    #[arg(long)]
    folder: PathBuf,
    #[arg(long, default_value_t = 16)]
    writers: u64,
    /// Bytes of a value
    #[arg(long)]
    value: usize,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// A write, and who waits for it.
type Write = (Vec<u8>, Vec<u8>, mpsc::Sender<()>);

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut engine = FjallEngine::open(&options.folder)?;
    let (sender, receiver) = mpsc::channel::<Write>();
    let number = AtomicU64::new(0);
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.seconds);
    std::thread::scope(|scope| {
        for _ in 0..options.writers {
            let (sender, number) = (sender.clone(), &number);
            scope.spawn(move || write_until(end, &sender, number, options.value));
        }
        drop(sender);
        commit(&mut engine, &receiver)
    })?;
    let (writes, seconds) = (
        number.load(Ordering::Relaxed),
        start.elapsed().as_secs_f64(),
    );
    println!("{{\"writes\": {writes}, \"seconds\": {seconds:.6}}}");
    Ok(())
}

fn write_until(end: Instant, sender: &mpsc::Sender<Write>, number: &AtomicU64, size: usize) {
    let (ack, done) = mpsc::channel();
    // Not compressible, as a record is that is compressed already.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while Instant::now() < end {
        let key = format!("user/{:020}", number.fetch_add(1, Ordering::Relaxed)).into_bytes();
        let value = (0..size)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        if sender.send((key, value, ack.clone())).is_err() || done.recv().is_err() {
            return;
        }
    }
}

fn commit(engine: &mut FjallEngine, writes: &mpsc::Receiver<Write>) -> anyhow::Result<()> {
    while let Ok(first) = writes.recv() {
        let (mut batch, mut waiting) = (Batch::default(), Vec::new());
        for (key, value, ack) in std::iter::once(first).chain(writes.try_iter()) {
            batch.put(Space::State, key, value);
            waiting.push(ack);
        }
        engine.apply(batch, true)?;
        for ack in waiting {
            let _ = ack.send(());
        }
    }
    Ok(())
}
