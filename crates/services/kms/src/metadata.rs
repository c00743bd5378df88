//! `KeyMetadata`: what CreateKey, DescribeKey and ReplicateKey say of a key.

use palisade_keyring::spec::Algorithms;
use palisade_model::Timestamp;

use crate::api::{KeyMetadata, MultiRegionConfiguration, MultiRegionKey};
use crate::keys::Found;
use crate::state::State;
use crate::tables::{Deletion, Origin};

/// The kinds of keys that the older member `CustomerMasterKeySpec` has no names for.
const NEW_SPECS: [&str; 7] = [
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];

/// A key's metadata.
pub(crate) fn of(found: &Found) -> KeyMetadata {
    let state = found.state();
    let (key, ring) = (&found.key, &found.ring);
    let is_external = ring.origin == Origin::External;
    let lists = Lists::of(found);
    let current = ring
        .current()
        .filter(|_| found.is_symmetric_encryption())
        .map(|version| version.id.clone());
    let held: Vec<_> = key
        .imported
        .iter()
        .filter(|one| found.holds(&one.material).is_some())
        .collect();
    let valid_to = held.iter().filter_map(|one| one.valid_to_ms).min();
    let expires = if valid_to.is_some() {
        "KEY_MATERIAL_EXPIRES"
    } else {
        "KEY_MATERIAL_DOES_NOT_EXPIRE"
    };
    KeyMetadata {
        aws_account_id: Some(found.account.as_str().to_owned()),
        key_id: found.id.clone(),
        arn: Some(found.arn()),
        creation_date: Timestamp::from_millis(key.created_ms),
        enabled: Some(state == State::Enabled),
        description: Some(key.description.clone()),
        key_usage: Some(found.usage.as_str().to_owned()),
        key_state: Some(state.as_str().to_owned()),
        deletion_date: match key.deletion {
            Some(Deletion::At(end)) => Timestamp::from_millis(end),
            _ => None,
        },
        valid_to: valid_to.and_then(Timestamp::from_millis),
        origin: Some(ring.origin.as_str().to_owned()),
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        expiration_model: (is_external && !held.is_empty()).then(|| expires.to_owned()),
        key_manager: Some(if ring.managed { "AWS" } else { "CUSTOMER" }.to_owned()),
        customer_master_key_spec: old_spec(found),
        key_spec: Some(found.spec.as_str().to_owned()),
        encryption_algorithms: lists.encryption,
        signing_algorithms: lists.signing,
        key_agreement_algorithms: lists.agreement,
        encapsulation_algorithms: lists.encapsulation,
        mac_algorithms: lists.mac,
        multi_region: Some(ring.multi_region),
        multi_region_configuration: ring.multi_region.then(|| regions(found)),
        pending_deletion_window_in_days: match key.deletion {
            Some(Deletion::AfterReplicas(days)) => Some(days),
            _ => None,
        },
        xks_key_configuration: None,
        current_key_material_id: current,
    }
}

/// The key's kind, under the name of the older member.
pub(crate) fn old_spec(found: &Found) -> Option<String> {
    let spec = found.spec.as_str();
    (!NEW_SPECS.contains(&spec)).then(|| spec.to_owned())
}

fn regions(found: &Found) -> MultiRegionConfiguration {
    let key = |region: &str| MultiRegionKey {
        arn: Some(found.arn_in(region)),
        region: Some(region.to_owned()),
    };
    let replicas = found
        .ring
        .regions
        .iter()
        .filter(|region| **region != found.ring.primary);
    let kind = if found.is_primary() {
        "PRIMARY"
    } else {
        "REPLICA"
    };
    MultiRegionConfiguration {
        multi_region_key_type: Some(kind.to_owned()),
        primary_key: Some(key(&found.ring.primary)),
        replica_keys: Some(replicas.map(|region| key(region)).collect()),
    }
}

/// The algorithms of a key, in the member of its use.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub encryption: Option<Vec<String>>,
    pub signing: Option<Vec<String>>,
    pub mac: Option<Vec<String>>,
    pub agreement: Option<Vec<String>>,
    pub encapsulation: Option<Vec<String>>,
}

impl Lists {
    pub fn of(found: &Found) -> Self {
        let mut lists = Self::default();
        let Some(all) = found.algorithms() else {
            return lists;
        };
        let member = match all {
            Algorithms::Encryption(_) => &mut lists.encryption,
            Algorithms::Signing(_) => &mut lists.signing,
            Algorithms::Mac(_) => &mut lists.mac,
            Algorithms::KeyAgreement(_) => &mut lists.agreement,
            Algorithms::Encapsulation(_) => &mut lists.encapsulation,
        };
        *member = Some(all.names().into_iter().map(str::to_owned).collect());
        lists
    }
}
