//! `palisade up`: serve.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use palisade_core::ids::{AccessKeyKind, access_key_id};
use palisade_core::{AccountId, OsRandom, Random as _, RootKey, RootKeySeal, Seal, Secret};
use palisade_gateway::server;
use palisade_store::{Durability, Fact, Millis, Options as StoreOptions, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::config::{Config, Options, StateLocation};
use crate::data_folder::{DataFolder, write_private};
use crate::{assemble, logging, tls};

/// Serves every service on one address. Each option is also an environment variable and a key of the TOML file given with
/// --config. Authentication, authorization and recording have no switch.
#[derive(Args, Debug)]
pub struct Up {
    #[command(flatten)]
    options: Options,
}

/// The state and what opens its secrets. The folder's lock is held as long as this lives.
struct State {
    store: Store,
    seal: Arc<dyn Seal>,
    folder: Option<DataFolder>,
}

impl Up {
    /// Serves until SIGTERM or SIGINT.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.options.resolve()?;
        logging::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(serve(&config))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    // Bound first: a second server on the same port must not touch the state.
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let tls = config.tls.as_ref().map(tls::start).transpose()?;
    let state = open(config)?;
    let first_keys = first_start(config, &state).await?;
    let gateway = assemble::gateway(config, state.store.clone(), Arc::clone(&state.seal))?;
    let (stop, stopping) = watch::channel(false);
    let mut serving = vec![tokio::spawn(server::serve(
        listener,
        tls.clone(),
        Arc::clone(&gateway),
        stopping.clone(),
    ))];
    if let Some(address) = config.metrics_listen {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        serving.push(tokio::spawn(server::serve_metrics(
            listener, gateway, stopping,
        )));
    }
    greet(config, first_keys.as_ref())?;
    wait_for_stop(config, tls.as_ref()).await?;
    tracing::info!("stopping");
    let _ = stop.send(true);
    for task in serving {
        task.await?;
    }
    state
        .store
        .flush()
        .await
        .context("the last records could not be written")
}

fn open(config: &Config) -> anyhow::Result<State> {
    let options = StoreOptions::default();
    match &config.state {
        StateLocation::Memory => {
            let mut key = Zeroizing::new([0; 32]);
            OsRandom.fill(&mut *key);
            let seal = Arc::new(RootKeySeal::new(RootKey::new(key), vec![]));
            Ok(State {
                store: Store::open_memory(options)?,
                seal,
                folder: None,
            })
        }
        StateLocation::Folder(path) => {
            let folder = DataFolder::open(path, config.dev)?;
            let seal = Arc::new(RootKeySeal::new(folder.root_key()?, vec![]));
            let store = Store::open(&folder.store(), options)
                .with_context(|| format!("cannot open {}", folder.store().display()))?;
            Ok(State {
                store,
                seal,
                folder: Some(folder),
            })
        }
    }
}

/// Root credentials made at a first start.
struct FirstKeys {
    account: AccountId,
    access_key_id: String,
    secret: Secret,
}

/// Makes the accounts that the command line names; where it names none, a new state gets its first account and root key.
async fn first_start(config: &Config, state: &State) -> anyhow::Result<Option<FirstKeys>> {
    let mut tx = state.store.begin()?;
    for given in &config.root_credentials {
        palisade_iam::accounts::create(&mut tx, &given.account)?;
    }
    let mut made = None;
    if config.root_credentials.is_empty() && !palisade_iam::accounts::any(&tx)? {
        let keys = FirstKeys::generate();
        palisade_iam::accounts::add_root_key(
            &mut tx,
            &keys.account,
            &keys.access_key_id,
            &keys.secret,
            &*state.seal,
            &mut OsRandom,
        )?;
        if let Some(folder) = &state.folder {
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
        state.store.commit(tx, fact, Durability::Durable).await?;
    }
    Ok(made)
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
            "[palisade]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.access_key_id,
            self.secret.expose()
        ))
    }
}

/// What a person wants to know first. Secrets stay out of it, but for the one that everybody knows.
fn greet(config: &Config, made: Option<&FirstKeys>) -> anyhow::Result<()> {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let endpoint = format!("{scheme}://{}", config.listen);
    let mut out = std::io::stdout().lock();
    writeln!(out, "Palisade serves on {endpoint}\n")?;
    writeln!(out, "  export AWS_ENDPOINT_URL={endpoint}")?;
    writeln!(out, "  export AWS_REGION=us-east-1")?;
    if config.dev {
        writeln!(
            out,
            "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
        )?;
    } else if let (Some(keys), StateLocation::Folder(folder)) = (made, &config.state) {
        let file = folder.join("credentials");
        writeln!(
            out,
            "  export AWS_SHARED_CREDENTIALS_FILE={} AWS_PROFILE=palisade",
            file.display()
        )?;
        writeln!(
            out,
            "\nThe first account is {}; its root credentials are in that file. Keep them, and remove it.",
            keys.account
        )?;
    } else if let Some(keys) = made {
        writeln!(
            out,
            "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
            keys.access_key_id,
            keys.secret.expose()
        )?;
        writeln!(
            out,
            "\nNothing is kept: account {} and these credentials end with this process.",
            keys.account
        )?;
    }
    writeln!(out, "\nTry:\n  aws sts get-caller-identity")?;
    out.flush()?;
    Ok(())
}

async fn wait_for_stop(config: &Config, tls: Option<&server::Tls>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => if let (Some(files), Some(tls)) = (&config.tls, tls) {
                tls::reload(files, tls);
            },
        }
    }
}
