//! Putting the server together: which services there are, and what each gets of the others.

use std::fmt::Write as _;
use std::sync::{Arc, Weak};

use anyhow::Context;
use palisade_cloudtrail::CloudTrail;
use palisade_core::branches::BranchOwners;
use palisade_core::failures::AuthenticationFailures;
use palisade_core::keys::{KeyVault, MemoryVault};
use palisade_core::{Environment, NoOrganization, Regions, RootKeySeal, Seal, Service, Services};
use palisade_gateway::identify::RootKey;
use palisade_gateway::metrics::Metrics;
use palisade_gateway::{Gateway, MetricsText, Parts, Settings};
use palisade_iam::{Iam, IamIdentities, LastUsed};
use palisade_kms::{Destroyer, KeyUse, Kms};
use palisade_own::clock::RunAhead;
use palisade_own::counters::{self, CallCounters};
use palisade_own::{Palisade, Surroundings};
use palisade_store::{Clock, Options as StoreOptions, Store, SystemClock};
use palisade_sts::Sts;
use palisade_wafv2::Wafv2;

use crate::config::{Audit, Config};
use crate::seal::folder::Opened;

/// All services, as a registry: what `palisade coverage` counts and the server serves; `more` are those of a test, in place
/// of those of the same name.
///
/// # Errors
/// When a table and its handlers do not fit together.
pub fn services(
    surroundings: Surroundings,
    more: Vec<Arc<dyn Service>>,
) -> anyhow::Result<Arc<Services>> {
    services_in(Regions::default(), surroundings, more)
}

/// All services, where these regions are served.
fn services_in(
    regions: Regions,
    surroundings: Surroundings,
    more: Vec<Arc<dyn Service>>,
) -> anyhow::Result<Arc<Services>> {
    let services = Arc::<Services>::default();
    let surroundings = Surroundings {
        services: Arc::downgrade(&services),
        ..surroundings
    };
    let mut all: Vec<Arc<dyn Service>> = vec![
        Arc::new(CloudTrail::new()),
        Arc::new(Iam::new()),
        Arc::new(Kms::serving(regions)),
        Arc::new(Palisade::new(surroundings)),
        Arc::new(Sts::new()),
        Arc::new(Wafv2::new()),
    ];
    all.retain(|own| more.iter().all(|other| other.id() != own.id()));
    all.extend(more);
    services
        .fill(all)
        .context("the services do not fit together")?;
    Ok(services)
}

/// What the own operations get where no server runs: enough to be counted.
pub fn bare_surroundings() -> Surroundings {
    Surroundings {
        failures: Arc::default(),
        metrics: Arc::new(String::new),
        run_ahead: None,
        services: Weak::new(),
    }
}

/// What a front is put together from.
pub struct Wiring {
    /// The state.
    pub store: Store,
    /// What opens the secrets in it.
    pub seal: Arc<dyn Seal>,
    /// Where the materials of keys are.
    pub keys: Arc<dyn KeyVault>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Root credentials that live in this process only.
    pub root_keys: Vec<RootKey>,
    /// How it behaves.
    pub settings: Settings,
    /// The front's counters: they outlive a reset.
    pub metrics: Arc<Metrics>,
    /// Lets state time run ahead of the clock; `None` outside development mode.
    pub run_ahead: Option<RunAhead>,
    /// Services besides the real ones, or instead of those of the same name, for tests.
    pub more: Vec<Arc<dyn Service>>,
}

/// Starts the followers of the journal.
///
/// # Errors
/// When one cannot be started.
pub fn follow(store: &Store, keys: &Arc<dyn KeyVault>) -> anyhow::Result<()> {
    store.follow(LastUsed)?;
    store.follow(CallCounters)?;
    store.follow(KeyUse)?;
    store.follow(Destroyer::new(Arc::clone(keys)))?;
    Ok(())
}

/// The front, with every service behind it.
///
/// # Errors
/// When the services do not fit together.
pub fn front(wiring: Wiring) -> anyhow::Result<Gateway> {
    let failures = Arc::new(AuthenticationFailures::default());
    let metrics_text = metrics_text(&wiring.metrics, &wiring.store);
    let surroundings = Surroundings {
        failures: Arc::clone(&failures),
        metrics: Arc::clone(&metrics_text),
        run_ahead: wiring.run_ahead,
        services: Weak::new(),
    };
    let env = Environment {
        identities: Arc::new(IamIdentities::new(Arc::clone(&wiring.seal))),
        guardrails: Arc::new(NoOrganization),
        seal: wiring.seal,
        keys: wiring.keys,
        store: wiring.store,
        branches: Arc::new(BranchOwners::default()),
    };
    Ok(Gateway::new(Parts {
        services: services_in(wiring.settings.regions.clone(), surroundings, wiring.more)?,
        env,
        root_keys: wiring.root_keys,
        clock: wiring.clock,
        settings: wiring.settings,
        failures,
        metrics: wiring.metrics,
        metrics_text,
    }))
}

/// The front as configured, and the followers.
pub(crate) fn gateway(
    config: &Config,
    store: Store,
    seal: Arc<dyn Seal>,
    keys: Arc<dyn KeyVault>,
    metrics: &Arc<Metrics>,
    run_ahead: Option<RunAhead>,
) -> anyhow::Result<Gateway> {
    follow(&store, &keys)?;
    let root_keys = config.root_credentials.iter().map(|given| RootKey {
        access_key_id: given.access_key_id.clone(),
        secret: given.secret.clone(),
        account: given.account.clone(),
    });
    front(Wiring {
        store,
        seal,
        keys,
        clock: Arc::new(SystemClock),
        root_keys: root_keys.collect(),
        settings: settings(config),
        metrics: Arc::clone(metrics),
        run_ahead,
        more: Vec::new(),
    })
}

/// The front while no seal is open: it tells every caller to come again.
pub(crate) fn sealed(config: &Config, metrics: &Arc<Metrics>) -> anyhow::Result<Gateway> {
    let key = Opened::in_memory().spine_key();
    front(Wiring {
        store: Store::open_memory(StoreOptions::default())?,
        seal: Arc::new(RootKeySeal::new(key, vec![])),
        keys: Arc::new(MemoryVault::default()),
        clock: Arc::new(SystemClock),
        root_keys: Vec::new(),
        settings: Settings {
            sealed: true,
            ..settings(config)
        },
        metrics: Arc::clone(metrics),
        run_ahead: None,
        more: Vec::new(),
    })
}

fn settings(config: &Config) -> Settings {
    Settings {
        audit_strict: config.audit == Audit::Strict,
        explain_denials: config.explain_denials,
        regions: Regions::default().with(config.regions.iter().cloned()),
        ..Settings::default()
    }
}

/// What the front counts, and what the journal's followers do.
fn metrics_text(front: &Arc<Metrics>, store: &Store) -> MetricsText {
    let (front, store) = (Arc::clone(front), store.clone());
    Arc::new(move || {
        let mut text = front.render();
        match counters::render(&store) {
            Ok(calls) => text.push_str(&calls),
            Err(error) => tracing::warn!(%error, "the call counters cannot be read"),
        }
        text.push_str(
            "# HELP palisade_follower_behind Commits a follower has yet to read.\n# TYPE palisade_follower_behind gauge\n",
        );
        for follower in store.followers() {
            let name = follower.name();
            let behind = store
                .head()
                .position
                .0
                .saturating_sub(follower.status().cursor.0);
            let _ = writeln!(
                text,
                "palisade_follower_behind{{follower=\"{name}\"}} {behind}"
            );
        }
        text
    })
}
