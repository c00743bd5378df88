//! `palisade waf serve`: a listener that decides each request before a server behind sees it.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use palisade_edge::edge::{Edge, LongBody, OnFailure, Settings};
use palisade_edge::limits::Limits;
use palisade_edge::server;
use palisade_edge::upstream::{Address, Upstreams};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::policy::{BodyMode, PolicyFiles};
use crate::logging;

/// A proxy before an application: every request is decided by a web ACL.
#[derive(Args, Debug)]
pub struct Serve {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,

    /// A server behind, http://HOST:PORT[,weight=N] (repeatable)
    #[arg(long, value_name = "URL", required = true)]
    upstream: Vec<Address>,

    #[command(flatten)]
    policy: PolicyFiles,

    /// What happens to a request whose inspection fails
    #[arg(long, value_enum, default_value_t)]
    on_failure: Failure,

    /// Proxies in front whose X-Forwarded-For is believed: the client's address is so many entries from its end
    #[arg(long, value_name = "N", default_value_t = 0)]
    trusted_hops: usize,
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
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let compiled = self
            .policy
            .read(self.listen.ip().is_loopback())?
            .compile()?;
        let policy = compiled.policy;
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        writeln!(
            out,
            "Palisade serves {} on http://{}",
            policy.id,
            listener.local_addr()?
        )?;
        for warning in compiled.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        out.flush()?;
        let settings = self.settings();
        let upstreams = Upstreams::new(self.upstream, settings.limits.clone());
        let edge = Arc::new(Edge::new(policy, upstreams, settings));
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&edge), stopping));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _ = stop.send(true);
        serving.await?;
        Ok(())
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
        }
    }
}
