//! `palisade up`: serve.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use palisade_gateway::{Door, Rebuild, server};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::{Config, Options, StateLocation};
use crate::control::Control;
use crate::site::{FirstKeys, Site, Unsealing};
use crate::{logging, tls};

/// Serves every service on one address. Each option is also an environment variable and a key of the TOML file given with
/// --config. Authentication, authorization and recording have no switch.
#[derive(Args, Debug)]
pub struct Up {
    #[command(flatten)]
    options: Options,
}

impl Up {
    /// Serves until SIGTERM or SIGINT.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        forbid_dumps()?;
        let config = self.options.resolve()?;
        logging::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(serve(config))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The process holds keys: no core of it is written, and no other process of its user reads its memory.
fn forbid_dumps() -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("cannot forbid core dumps")?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let set = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        set.context("cannot forbid others to read this process's memory")?;
    }
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // Listened to first: whoever sees the server ready may stop it, and expects it to drain.
    let mut signals = Signals::listen()?;
    // Bound first: a second server on the same port must not touch the state.
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; --listen chooses another address",
            config.listen
        )
    })?;
    let served_on = listener.local_addr()?;
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))?,
        ),
        None => None,
    };
    let tls = config.tls.as_ref().map(tls::start).transpose()?;
    let site = Arc::new(Site::take(config)?);
    let unsealing = site.unseal(None)?;
    let (front, first_keys) = match &unsealing {
        Unsealing::Open => site.start(false).await?,
        Unsealing::Sealed(_) => (site.sealed_front()?, None),
    };
    let keeping = site.keep_keys_young();
    let door = Arc::new(Door::new(
        front,
        site.config.dev.then(|| rebuild(Arc::clone(&site))),
    ));
    let control = Control::listen(Arc::clone(&site), Arc::clone(&door))?;
    // The listener is bound, so whoever connects is answered; and whoever is answered can read the greeting.
    match &unsealing {
        Unsealing::Open => greet(&site, served_on, first_keys.as_ref())?,
        Unsealing::Sealed(reasons) => greet_sealed(&site, reasons)?,
    }
    tracing::info!(
        endpoint = endpoint(&site.config, served_on),
        data = site.config.state.to_string(),
        sealed = matches!(unsealing, Unsealing::Sealed(_)),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let (stop, stopping) = watch::channel(false);
    let mut serving = vec![tokio::spawn(server::serve(
        listener,
        tls.clone(),
        Arc::clone(&door),
        stopping.clone(),
    ))];
    if let Some(listener) = metrics_listener {
        serving.push(tokio::spawn(server::serve_metrics(
            listener,
            Arc::clone(&door),
            stopping,
        )));
    }
    signals.until_stop(&site.config, tls.as_ref()).await;
    tracing::info!("stopping");
    for task in keeping.into_iter().chain(control) {
        task.abort();
    }
    let _ = stop.send(true);
    for task in serving {
        task.await?;
    }
    // The last handle writes whatever waits and closes the store; blocking is fine now.
    drop(door);
    Ok(())
}

/// What a reset does: the state is made anew, the root credentials stay.
fn rebuild(site: Arc<Site>) -> Rebuild {
    Box::new(move || {
        let site = Arc::clone(&site);
        Box::pin(async move {
            let again = async {
                site.clear().await?;
                site.start(false).await
            };
            let (front, _) = again.await.map_err(|error| format!("{error:#}"))?;
            Ok(front)
        })
    })
}

/// What to do while no seal opens the root key.
fn greet_sealed(site: &Site, reasons: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Palisade is sealed: no seal opens the root key.\n")?;
    for reason in reasons {
        writeln!(out, "  {reason}")?;
    }
    if let Some(folder) = site.folder() {
        writeln!(
            out,
            "\nEvery call is answered 503 until it is opened:\n  palisade seal unseal --data {}",
            folder.path().display()
        )?;
    }
    out.flush()?;
    Ok(())
}

fn endpoint(config: &Config, served_on: SocketAddr) -> String {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{served_on}")
}

/// What a person wants to know first. Secrets stay out of it, but for the one that everybody knows and those that nothing keeps.
fn greet(site: &Site, served_on: SocketAddr, made: Option<&FirstKeys>) -> anyhow::Result<()> {
    let config = &site.config;
    let endpoint = endpoint(config, served_on);
    let mut out = std::io::stdout().lock();
    writeln!(out, "Palisade serves on {endpoint}\n")?;
    writeln!(out, "  export AWS_ENDPOINT_URL={endpoint}")?;
    // Version 1 of the AWS CLI and boto3 read the second, most others the first.
    writeln!(
        out,
        "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"
    )?;
    write_credentials(&mut out, site, made)?;
    if site.seal_is_within() {
        writeln!(
            out,
            "\nThe seal is in the data folder: whoever takes the folder can open everything. --seal puts it elsewhere."
        )?;
    }
    writeln!(out, "\nTry:\n  aws sts get-caller-identity")?;
    out.flush()?;
    Ok(())
}

fn write_credentials(
    out: &mut dyn Write,
    site: &Site,
    made: Option<&FirstKeys>,
) -> std::io::Result<()> {
    let config = &site.config;
    if config.dev {
        writeln!(
            out,
            "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
        )?;
    }
    match (made, &config.state) {
        (Some(keys), StateLocation::Memory) => writeln!(
            out,
            "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n\nNothing is kept: account {} and these credentials end with this process.",
            keys.access_key_id,
            keys.secret.expose(),
            keys.account
        )?,
        (made, StateLocation::Folder(_)) => {
            let file = std::path::absolute(site.credentials_path().unwrap_or_default())?;
            if file.exists() {
                writeln!(
                    out,
                    "  export AWS_SHARED_CREDENTIALS_FILE={} AWS_PROFILE=palisade",
                    file.display()
                )?;
            }
            if let Some(keys) = made {
                writeln!(
                    out,
                    "\nThe first account is {}; its root credentials are in that file. Keep them elsewhere, and remove it.",
                    keys.account
                )?;
            }
        }
        (None, StateLocation::Memory) => {}
    }
    for given in config.root_credentials.iter().skip(config.dev.into()) {
        writeln!(
            out,
            "\nRoot of account {}: access key {}, with the secret that was given.",
            given.account, given.access_key_id
        )?;
    }
    Ok(())
}

/// The signals a server obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that stops the server; reads the certificate again on SIGHUP.
    async fn until_stop(&mut self, config: &Config, tls: Option<&server::Tls>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => if let (Some(files), Some(tls)) = (&config.tls, tls) {
                    tls::reload(files, tls);
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn nothing_of_the_process_is_dumped() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        forbid_dumps().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let cores = getrlimit(Resource::Core);
        assert_eq!((cores.current, cores.maximum), (Some(0), Some(0)));
    }
}
