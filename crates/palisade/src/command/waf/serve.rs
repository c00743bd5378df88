//! `palisade waf serve`: a listener that decides each request before a server behind sees it.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use clap::{Args, ValueEnum};
use palisade_edge::challenge::{Challenges, Sealer};
use palisade_edge::edge::{Edge, LongBody, OnFailure, Settings};
use palisade_edge::limits::Limits;
use palisade_edge::log::{self, Hider, Log, LogConfig, Logs, Record, Sink};
use palisade_edge::server;
use palisade_edge::upstream::{Address, Upstreams};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::certificates::Certificates;
use super::policy::{BodyMode, Compiled, PolicyFiles, PolicySource};
use super::reload::{Reloading, Stamps};
use super::{now_ms, read};
use crate::logging;

/// A proxy before an application: every request is decided by a web ACL.
#[derive(Args, Debug)]
pub struct Serve {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,

    /// A server behind, http://HOST:PORT[,weight=N] (repeatable)
    #[arg(long, value_name = "URL", required = true)]
    upstream: Vec<Address>,

    #[command(flatten)]
    pub(super) policy: PolicyFiles,

    #[command(flatten)]
    pub(super) certificates: Certificates,

    /// What happens to a request whose inspection fails
    #[arg(long, value_enum, default_value_t)]
    on_failure: Failure,

    /// Proxies in front whose X-Forwarded-For is believed: the client's address is so many entries from its end
    #[arg(long, value_name = "N", default_value_t = 0)]
    trusted_hops: usize,

    /// Every connection begins with a header of the PROXY protocol (version 1 or 2), which says where it comes from
    #[arg(long)]
    proxy_protocol: bool,

    /// Serve Prometheus metrics, and nothing else, on this address
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,

    /// Write a log in AWS WAF's record format, a record a line; - is standard output
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Which records are kept and what is left out of them: wafv2's LoggingConfiguration
    #[arg(long, value_name = "FILE", requires = "log")]
    log_config: Option<PathBuf>,

    /// Keep requests with their bodies in this folder, secrets hidden, for `waf replay`
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,

    /// Keys that seal tokens: 64 hexadecimal digits a line, two lines at most; the first seals, both open [default: a random key,
    /// which ends with the process]
    #[arg(long, value_name = "FILE")]
    token_key: Option<PathBuf>,

    /// How much work a challenge is: 2 to the power of N hashes on average
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=28))]
    challenge_difficulty: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Failure {
    /// It goes on
    Open,
    /// It is answered 500
    #[default]
    Closed,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        logging::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.serve(out))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(self, out: &mut dyn Write) -> anyhow::Result<()> {
        // Listened to first: whoever sees the listener ready may stop it.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        let loopback = self.listen.ip().is_loopback();
        let (logs, challenges) = (self.logs()?, self.challenges()?);
        let stamps = Stamps::of(self.policy.paths().chain(self.certificates.paths()));
        let compiled = self.compile(loopback)?;
        let tls = self.certificates.load()?;
        let tls = tls.map(|config| Arc::new(ArcSwap::from_pointee(config)));
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        let policy = compiled.policy;
        let scheme = if tls.is_some() { "https" } else { "http" };
        writeln!(
            out,
            "Palisade serves {} on {scheme}://{}",
            policy.id,
            listener.local_addr()?
        )?;
        for warning in compiled.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        if policy.acl.challenges() && self.token_key.is_none() {
            writeln!(
                out,
                "warning: without --token-key, the tokens of solved challenges end with this process"
            )?;
        }
        out.flush()?;
        let settings = self.settings();
        let upstreams = Upstreams::new(self.upstream.clone(), settings.limits.clone());
        let edge = Arc::new(Edge::new(policy, upstreams, settings, challenges, logs));
        let (stop, stopping) = watch::channel(false);
        if let Some(address) = self.metrics_listen {
            let listener = TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
            tokio::spawn(server::serve_metrics(
                listener,
                Arc::clone(&edge),
                stopping.clone(),
            ));
        }
        let serving = tokio::spawn(server::serve(
            listener,
            tls.clone(),
            Arc::clone(&edge),
            stopping,
        ));
        let reloading = Reloading {
            serve: self,
            edge,
            tls,
            stamps,
        };
        let reloading = tokio::spawn(reloading.run(hang_up));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        reloading.abort();
        let _ = stop.send(true);
        serving.await?;
        Ok(())
    }

    /// Reads and compiles the ACL, and keeps what it was made of.
    pub(super) fn compile(&self, loopback: bool) -> anyhow::Result<Compiled> {
        let source = self.policy.read(loopback)?;
        let compiled = source.compile()?;
        self.keep_version(&source)?;
        Ok(compiled)
    }

    fn settings(&self) -> Settings {
        Settings {
            limits: Limits::default(),
            long_body: match self.policy.body() {
                BodyMode::Aws => LongBody::PassesOn,
                BodyMode::Whole => LongBody::Refused,
            },
            on_failure: match self.on_failure {
                Failure::Open => OnFailure::Open,
                Failure::Closed => OnFailure::Closed,
            },
            trusted_hops: self.trusted_hops,
            proxy_protocol: self.proxy_protocol,
            name: self.listen.to_string(),
        }
    }

    fn challenges(&self) -> anyhow::Result<Challenges> {
        let sealer = match &self.token_key {
            Some(path) => {
                let sealer = Sealer::parse(&String::from_utf8_lossy(&read(path)?));
                sealer.with_context(|| format!("{} is refused", path.display()))?
            }
            None => Sealer::new(vec![random_key()?]),
        };
        Ok(Challenges::new(sealer, self.challenge_difficulty))
    }

    fn logs(&self) -> anyhow::Result<Logs> {
        let open = |path: &Path| {
            Sink::open(path).with_context(|| format!("cannot write {}", path.display()))
        };
        let log = self.log.as_ref().map(|path| {
            let config = match &self.log_config {
                Some(path) => LogConfig::parse(&read(path)?)
                    .with_context(|| format!("{} is refused", path.display()))?,
                None => LogConfig::default(),
            };
            Ok::<_, anyhow::Error>(Log {
                sink: open(path)?,
                config,
            })
        });
        let record = self.record.as_ref().map(|folder| {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            let mut key = [0; 32];
            getrandom::fill(&mut key)
                .map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
            let sink = open(&folder.join(format!("requests-{}.jsonl", now_ms())))?;
            Ok::<_, anyhow::Error>(Record {
                sink,
                hider: Hider::new(key),
            })
        });
        Ok(Logs {
            log: log.transpose()?,
            record: record.transpose()?,
        })
    }

    /// Keeps what the ACL was made of beside what it decides, so that its decisions can be explained when it is another.
    fn keep_version(&self, source: &PolicySource) -> anyhow::Result<()> {
        let (version, text) = source.kept()?;
        let log = self.log.as_ref().filter(|path| *path != Path::new("-"));
        for path in log.into_iter().chain(&self.record) {
            let folder = log::versions_of(path);
            log::keep_version(&folder, &version, &text)
                .with_context(|| format!("cannot write {}", folder.display()))?;
        }
        Ok(())
    }
}

fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(key)
}
