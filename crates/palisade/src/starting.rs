//! What a start does before anything is served: it settles the vault, puts on record that the seal was opened by hand, makes the first
//! credentials.

use anyhow::anyhow;
use palisade_core::ids::{AccessKeyKind, access_key_id};
use palisade_core::keys::KeyVault as _;
use palisade_core::record::{ApiCall, Outcome, RecordedCaller};
use palisade_core::{AccountId, Identity, OsRandom, Random as _, Region, Secret, deployment};
use palisade_store::{Durability, Fact, History, Millis, Store};
use palisade_vault::Keys;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How many missing materials are named one by one.
const MISSING_NAMED: usize = 10;

/// Overwrites materials that no key names: what was deleted before a stop, or made by calls that were never committed. How many there are
/// that keys name and the vault lacks.
///
/// # Errors
/// When the state or the vault cannot be read, or the vault cannot be written.
pub(crate) fn settle(store: &Store, keys: &Keys) -> anyhow::Result<usize> {
    let tx = store.begin()?;
    let named = palisade_kms::NamedMaterials::of(&tx);
    let mut named =
        named.map_err(|error| anyhow!("the key materials cannot be looked up: {error:?}"))?;
    keys.keep_only(&mut |domain, id| named.claim(domain, id))?;
    let missing = named.unclaimed();
    for (domain, id) in named.some_unclaimed(MISSING_NAMED) {
        tracing::error!(
            account = %domain.account(),
            region = domain.region(),
            material = %id,
            "the vault lacks a key material that the state names: what is encrypted under it cannot be decrypted"
        );
    }
    if missing > MISSING_NAMED {
        tracing::error!(missing, "the vault lacks more key materials than these");
    }
    if keys.torn() > 0 && (missing > 0 || keys.wipe_torn()?.is_none()) {
        tracing::warn!(
            torn = keys.torn(),
            "slots of the vault are damaged, and key materials are missing or do not open. The slots are left as they are; restore the last backup into another folder"
        );
    }
    Ok(missing)
}

/// Puts on record that the seal was opened by hand, as the first thing that happens then.
pub(crate) async fn record_unsealing(store: &Store) -> anyhow::Result<()> {
    let tx = store.begin()?;
    let Some(home) = deployment::home(&tx)? else {
        return Ok(());
    };
    let time_ms = i64::try_from(tx.time().0)?;
    let request_id = Uuid::now_v7();
    let region = Region::us_east_1();
    let call = ApiCall {
        request_id,
        time_ms,
        service: "palisade".to_owned(),
        operation: "Unseal".to_owned(),
        caller: RecordedCaller {
            account: home.clone(),
            identity: Identity::Service("palisade.amazonaws.com".to_owned()),
            access_key_id: String::new(),
            session: None,
        },
        source_ip: "palisade.amazonaws.com".to_owned(),
        user_agent: "palisade.amazonaws.com".to_owned(),
        tls: None,
        read_only: false,
        outcome: Outcome::Success,
        request_parameters: None,
        response_elements: None,
        additional_event_data: None,
        resources: Vec::new(),
        branch: None,
        shared_event_id: None,
        service_event: None,
        region,
    };
    let fact = Fact {
        histories: vec![History::new(home.as_str(), call.region.as_str())],
        request_id: *request_id.as_bytes(),
        time: Millis(tx.time().0),
        call: call.to_bytes(),
        questions: Vec::new(),
    };
    store.commit(tx, fact, Durability::Durable).await?;
    Ok(())
}

/// Root credentials made at a first start.
pub struct FirstKeys {
    /// The account.
    pub account: AccountId,
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret: Secret,
}

impl FirstKeys {
    pub(crate) fn generate() -> Self {
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
    pub(crate) fn as_profile(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "[palisade]\nregion = us-east-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.access_key_id,
            self.secret.expose()
        ))
    }
}
