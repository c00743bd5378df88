//! The load generator: signs each request anew, keeps its connections alive, and counts good answers.
//!
//! Prints one JSON object: `{"requests": N, "seconds": S, "head": BYTES, "body": BYTES}`. Any other answer than 200 ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::{Parser, ValueEnum};
use palisade_benches::connection::Connection;
use palisade_benches::request::{Credentials, Operation, Request};

#[derive(Parser)]
struct Options {
    /// Address and port
    #[arg(long)]
    host: String,
    #[arg(long, default_value = "test")]
    key: String,
    #[arg(long, default_value = "test")]
    secret: String,
    #[arg(long, value_enum)]
    call: CallName,
    /// What the users made are called, before a number
    #[arg(long, default_value = "user")]
    name: String,
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 2.0, conflicts_with = "requests")]
    seconds: f64,
    /// How many requests to send instead
    #[arg(long)]
    requests: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum CallName {
    GetCallerIdentity,
    GetUser,
    CreateUser,
}

struct Load {
    options: Options,
    credentials: Credentials,
    sent: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let credentials = Credentials {
        access_key_id: options.key.clone(),
        secret: options.secret.clone(),
    };
    let load = Load {
        options,
        credentials,
        sent: 0.into(),
        done: 0.into(),
        stop: false.into(),
    };
    let load = Arc::new(load);
    let (head, body) = load.sample().await?;
    let start = Instant::now();
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..load.options.connections {
        connections.spawn(Arc::clone(&load).connection());
    }
    if load.options.requests.is_none() {
        tokio::time::sleep(Duration::from_secs_f64(load.options.seconds)).await;
        load.stop.store(true, Ordering::Relaxed);
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    let (requests, seconds) = (
        load.done.load(Ordering::Relaxed),
        start.elapsed().as_secs_f64(),
    );
    println!(
        "{{\"requests\": {requests}, \"seconds\": {seconds:.6}, \"head\": {head}, \"body\": {body}}}"
    );
    Ok(())
}

impl Load {
    /// The lengths of an answer, so that the bare server can answer as much.
    async fn sample(&self) -> anyhow::Result<(usize, usize)> {
        let mut connection = Connection::open(&self.options.host).await?;
        let request = Request::new(&self.options.host, &self.credentials);
        let call = Operation::GetCallerIdentity;
        let answer = connection.exchange(&request.sign(&call)).await?;
        ensure!(
            answer.status == 200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        Ok((answer.head_length, answer.body.len()))
    }

    async fn connection(self: Arc<Self>) -> anyhow::Result<()> {
        let request = Request::new(&self.options.host, &self.credentials);
        let mut connection = Connection::open(&self.options.host).await?;
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            if self.options.requests.is_some_and(|limit| number >= limit) {
                break;
            }
            let name = &self.options.name;
            let call = match self.options.call {
                CallName::GetCallerIdentity => Operation::GetCallerIdentity,
                CallName::GetUser => Operation::GetUser(name.clone()),
                CallName::CreateUser => Operation::CreateUser(format!("{name}{number}")),
            };
            let answer = connection.exchange(&request.sign(&call)).await?;
            if answer.status != 200 {
                bail!(
                    "status {}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                );
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
