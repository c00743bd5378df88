//! `palisade up`: serve.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use palisade_core::deployment;
use palisade_core::ids::{AccessKeyKind, access_key_id};
use palisade_core::keys::{KeyVault, MemoryVault};
use palisade_core::token_keys::TokenSeal;
use palisade_core::{AccountId, OsRandom, Random as _, RootKey, RootKeySeal, Seal, Secret};
use palisade_gateway::metrics::Metrics;
use palisade_gateway::{Door, Gateway, Rebuild, server};
use palisade_store::{Durability, Fact, Millis, Options as StoreOptions, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::config::{Config, Options, StateLocation};
use crate::data_folder::{self, DataFolder, write_private};
use crate::{assemble, logging, retention, tls};

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
        let config = self.options.resolve()?;
        logging::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(serve(config))?;
        Ok(ExitCode::SUCCESS)
    }
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
    let site = Arc::new(Site::open(config)?);
    let (front, first_keys) = site.start().await?;
    let door = Arc::new(Door::new(
        front,
        site.config.dev.then(|| rebuild(Arc::clone(&site))),
    ));
    // The listener is bound, so whoever connects is answered; and whoever is answered can read the greeting.
    greet(&site.config, served_on, first_keys.as_ref())?;
    tracing::info!(
        endpoint = endpoint(&site.config, served_on),
        data = site.config.state.to_string(),
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
                site.start().await
            };
            let (front, _) = again.await.map_err(|error| format!("{error:#}"))?;
            Ok(front)
        })
    })
}

/// Where the state is kept and what opens its secrets. The folder's lock is held as long as this lives.
struct Site {
    config: Config,
    seal: Arc<dyn Seal>,
    keys: Arc<dyn KeyVault>,
    folder: Option<DataFolder>,
    metrics: Arc<Metrics>,
    /// What forgets the past, where there is a retention.
    keeping: Mutex<Option<JoinHandle<()>>>,
}

impl Site {
    fn open(config: Config) -> anyhow::Result<Self> {
        let (folder, key) = match &config.state {
            StateLocation::Memory => {
                let mut key = Zeroizing::new([0; 32]);
                OsRandom.fill(&mut *key);
                (None, RootKey::new(key))
            }
            StateLocation::Folder(path) => {
                let folder = DataFolder::open(path, config.dev)?;
                let key = folder.root_key()?;
                (Some(folder), key)
            }
        };
        Ok(Self {
            config,
            seal: Arc::new(TokenSeal::new(RootKeySeal::new(key, vec![]))),
            keys: Arc::new(MemoryVault::default()),
            folder,
            metrics: Arc::default(),
            keeping: Mutex::default(),
        })
    }

    /// Opens the store and puts the front before it.
    async fn start(&self) -> anyhow::Result<(Gateway, Option<FirstKeys>)> {
        let options = StoreOptions::default();
        let store = match &self.folder {
            None => Store::open_memory(options)?,
            Some(folder) => data_folder::open_store(&folder.store(), options)?,
        };
        let first_keys = self.first_start(&store).await?;
        if let Some(days) = self.config.retention_days {
            let interval = std::time::Duration::from_secs(3600);
            let keeping = tokio::spawn(retention::keep(store.clone(), days, interval));
            *self.keeping.lock().await = Some(keeping);
        }
        let (seal, keys) = (Arc::clone(&self.seal), Arc::clone(&self.keys));
        let front = assemble::gateway(&self.config, store, seal, keys, &self.metrics)?;
        Ok((front, first_keys))
    }

    /// Forgets the state; but for the retention's, no handle of the store may be left.
    async fn clear(&self) -> anyhow::Result<()> {
        if let Some(keeping) = self.keeping.lock().await.take() {
            keeping.abort();
            let _ = keeping.await;
        }
        match &self.folder {
            Some(folder) => {
                std::fs::remove_dir_all(folder.store()).context("cannot clear the state")
            }
            None => Ok(()),
        }
    }

    /// Makes the accounts that the command line names; where it names none, a new state gets its first account and root key.
    async fn first_start(&self, store: &Store) -> anyhow::Result<Option<FirstKeys>> {
        let mut tx = store.begin()?;
        ensure!(
            deployment::is_sealed_by(&mut tx, &*self.seal, &mut OsRandom)?,
            "seal/root.key is not the key that this state was sealed with: put that one back"
        );
        self.seal.renew(&mut tx, &mut OsRandom)?;
        for given in &self.config.root_credentials {
            palisade_iam::accounts::create(&mut tx, &given.account)?;
            deployment::settle(&mut tx, &given.account)?;
        }
        let mut made = None;
        if self.config.root_credentials.is_empty() && !palisade_iam::accounts::any(&tx)? {
            let keys = FirstKeys::generate();
            palisade_iam::accounts::add_root_key(
                &mut tx,
                &keys.account,
                &keys.access_key_id,
                &keys.secret,
                &*self.seal,
                &mut OsRandom,
            )?;
            deployment::settle(&mut tx, &keys.account)?;
            if let Some(folder) = &self.folder {
                // Written before the commit: a key nobody was told of would lock the state for ever.
                let path = folder.credentials();
                let _ = std::fs::remove_file(&path);
                write_private(&path, keys.as_profile().as_bytes())?;
            }
            made = Some(keys);
        }
        if tx.has_writes() {
            let fact = Fact {
                time: Millis(tx.time().0),
                ..Fact::default()
            };
            store.commit(tx, fact, Durability::Durable).await?;
        }
        Ok(made)
    }
}

/// Root credentials made at a first start.
struct FirstKeys {
    account: AccountId,
    access_key_id: String,
    secret: Secret,
}

impl FirstKeys {
    fn generate() -> Self {
        let mut random = [0; 16];
        OsRandom.fill(&mut random);
        let (account, id) = random.split_at(8);
        let number = u64::from_le_bytes(account.try_into().expect("eight bytes")) % 900_000_000_000
            + 100_000_000_000;
        let account = AccountId::from_number(number).expect("below a million million");
        let id = u64::from_le_bytes(id.try_into().expect("eight bytes"));
        Self {
            access_key_id: access_key_id(AccessKeyKind::LongTerm, &account, id),
            secret: Secret::generate_access_key(&mut OsRandom),
            account,
        }
    }

    /// The shared-credentials form of the AWS tools.
    fn as_profile(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "[palisade]\nregion = us-east-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.access_key_id,
            self.secret.expose()
        ))
    }
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
fn greet(config: &Config, served_on: SocketAddr, made: Option<&FirstKeys>) -> anyhow::Result<()> {
    let endpoint = endpoint(config, served_on);
    let mut out = std::io::stdout().lock();
    writeln!(out, "Palisade serves on {endpoint}\n")?;
    writeln!(out, "  export AWS_ENDPOINT_URL={endpoint}")?;
    // Version 1 of the AWS CLI and boto3 read the second, most others the first.
    writeln!(
        out,
        "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"
    )?;
    write_credentials(&mut out, config, made)?;
    writeln!(out, "\nTry:\n  aws sts get-caller-identity")?;
    out.flush()?;
    Ok(())
}

fn write_credentials(
    out: &mut dyn Write,
    config: &Config,
    made: Option<&FirstKeys>,
) -> std::io::Result<()> {
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
        (made, StateLocation::Folder(folder)) => {
            let file = std::path::absolute(folder.join("credentials"))?;
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
