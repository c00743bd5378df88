//! Putting the server together: which services there are, and what each gets of the others.

use std::sync::Arc;

use anyhow::Context;
use palisade_cloudtrail::CloudTrail;
use palisade_core::branches::BranchOwners;
use palisade_core::failures::AuthenticationFailures;
use palisade_core::{Environment, NoOrganization, Seal, Service, Services};
use palisade_gateway::metrics::Metrics;
use palisade_gateway::{Gateway, Parts, Settings};
use palisade_iam::{Iam, IamIdentities};
use palisade_own::{Palisade, Surroundings};
use palisade_store::{Store, SystemClock};
use palisade_sts::Sts;

use crate::config::{Audit, Config};

/// All services, as a registry: what `palisade coverage` counts and the server serves.
pub fn services(surroundings: Surroundings) -> anyhow::Result<Arc<Services>> {
    let services = Arc::clone(&surroundings.services);
    let all: Vec<Arc<dyn Service>> = vec![
        Arc::new(CloudTrail::new()),
        Arc::new(Iam::new()),
        Arc::new(Palisade::new(surroundings)),
        Arc::new(Sts::new()),
    ];
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
        services: Arc::default(),
    }
}

/// The front over a store.
pub fn gateway(config: &Config, store: Store, seal: Arc<dyn Seal>) -> anyhow::Result<Arc<Gateway>> {
    let failures = Arc::new(AuthenticationFailures::default());
    let metrics = Arc::new(Metrics::default());
    let rendered = Arc::clone(&metrics);
    let surroundings = Surroundings {
        failures: Arc::clone(&failures),
        metrics: Arc::new(move || rendered.render()),
        services: Arc::default(),
    };
    let env = Environment {
        identities: Arc::new(IamIdentities::new(Arc::clone(&seal))),
        guardrails: Arc::new(NoOrganization),
        seal,
        store,
        branches: Arc::new(BranchOwners::default()),
    };
    let root_keys =
        config
            .root_credentials
            .iter()
            .map(|given| palisade_gateway::identify::RootKey {
                access_key_id: given.access_key_id.clone(),
                secret: given.secret.clone(),
                account: given.account.clone(),
            });
    Ok(Arc::new(Gateway::new(Parts {
        services: services(surroundings)?,
        env,
        root_keys: root_keys.collect(),
        clock: Arc::new(SystemClock),
        settings: Settings {
            audit_strict: config.audit == Audit::Strict,
            explain_denials: config.explain_denials,
            ..Settings::default()
        },
        failures,
        metrics,
        reset: None,
    })))
}
