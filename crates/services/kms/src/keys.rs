//! A key as handlers see it: what one Region has of it, and what its Regions share.

use std::str::FromStr as _;
use std::sync::Arc;

use palisade_core::{AccountId, Call, CallError};
use palisade_keyring::spec::{Algorithms, KeySpec, KeyUsage};
use palisade_model::ApiError;
use palisade_store::{StoreError, Tx};

use crate::managed;
use crate::names::{self, Named, arn, not_found};
use crate::state::{self, State};
use crate::tables::{ALIASES, Deletion, KEYS, Key, Origin, RINGS, Ring, Version};

/// A key that exists.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub account: AccountId,
    pub region: String,
    pub id: String,
    pub key: Arc<Key>,
    pub ring: Arc<Ring>,
    pub spec: KeySpec,
    pub usage: KeyUsage,
    now_ms: i64,
}

impl Found {
    /// The key of that id in a Region; `None` once its waiting period is over.
    pub fn look(
        tx: &Tx,
        account: &AccountId,
        region: &str,
        id: &str,
    ) -> Result<Option<Self>, CallError> {
        let now_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
        let key = tx.get_cached(&KEYS, &(account.as_str(), region, id))?;
        let Some(key) = key.filter(|key| !is_over(key.deletion, now_ms)) else {
            return Ok(None);
        };
        let ring = tx.get_cached(&RINGS, &(account.as_str(), id))?;
        let ring = ring.ok_or_else(|| damaged("a key without what its Regions share"))?;
        let spec = KeySpec::from_str(&ring.spec).map_err(|_| damaged("a key of unknown kind"))?;
        let usage = KeyUsage::from_str(&ring.usage).map_err(|_| damaged("a key of unknown use"))?;
        Ok(Some(Self {
            account: account.clone(),
            region: region.to_owned(),
            id: id.to_owned(),
            key,
            ring,
            spec,
            usage,
            now_ms,
        }))
    }

    /// The key ARN.
    pub fn arn(&self) -> String {
        self.arn_in(&self.region)
    }

    /// The ARN of the same key in another Region.
    pub fn arn_in(&self, region: &str) -> String {
        arn(region, self.account.as_str(), &format!("key/{}", self.id))
    }

    /// The state it is in now.
    pub fn state(&self) -> State {
        match self.key.deletion {
            Some(Deletion::At(_)) => return State::PendingDeletion,
            Some(Deletion::AfterReplicas(_)) => return State::PendingReplicaDeletion,
            None => {}
        }
        let lacks = |version: &Version| self.holds(&version.id).is_none();
        let is_external = self.ring.origin == Origin::External;
        if is_external && (self.ring.materials.is_empty() || self.ring.materials.iter().any(lacks))
        {
            return State::PendingImport;
        }
        if self.key.enabled {
            State::Enabled
        } else {
            State::Disabled
        }
    }

    /// An imported material that is here and has not expired.
    pub fn holds(&self, material: &str) -> Option<&crate::tables::Imported> {
        let mut all = self.key.imported.iter();
        all.find(|one| {
            one.material == material && one.valid_to_ms.is_none_or(|end| end > self.now_ms)
        })
    }

    /// The key is one of the account's own, in a state that `operation` works in.
    pub fn check(&self, operation: &str) -> Result<(), ApiError> {
        state::check(operation, self.ring.origin, self.state(), &self.arn())
    }

    /// The key is made for this use.
    pub fn check_usage(&self, operation: &str, usage: KeyUsage) -> Result<(), ApiError> {
        if self.usage == usage {
            return Ok(());
        }
        Err(crate::api::errors::invalid_key_usage_exception(format!(
            "{} key usage is {} which is not valid for {operation}.",
            self.arn(),
            self.usage
        )))
    }

    /// What it works with.
    pub fn algorithms(&self) -> Option<Algorithms> {
        self.spec.algorithms_for(self.usage)
    }

    /// Whether data keys can be made under it, and its materials rotated.
    pub fn is_symmetric_encryption(&self) -> bool {
        self.spec == KeySpec::SymmetricDefault
    }

    /// Whether it is the primary of a multi-Region key.
    pub fn is_primary(&self) -> bool {
        self.ring.multi_region && self.ring.primary == self.region
    }

    /// Writes the Region's part.
    pub fn save_key(&self, call: &mut Call<'_>, key: &Key) -> Result<(), CallError> {
        let place = (
            self.account.as_str(),
            self.region.as_str(),
            self.id.as_str(),
        );
        Ok(call.tx.put(&KEYS, &place, key)?)
    }

    /// Writes what the Regions share.
    pub fn save_ring(&self, call: &mut Call<'_>, ring: &Ring) -> Result<(), CallError> {
        let place = (self.account.as_str(), self.id.as_str());
        Ok(call.tx.put(&RINGS, &place, ring)?)
    }

    /// Notes the key as what the call is about.
    pub fn touch(&self, call: &mut Call<'_>) {
        let arn = self.arn();
        call.touched("AWS::KMS::Key", &arn, &arn);
    }
}

pub(crate) fn is_over(deletion: Option<Deletion>, now_ms: i64) -> bool {
    matches!(deletion, Some(Deletion::At(end)) if end <= now_ms)
}

/// Which identifiers an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Key ids and key ARNs.
    Key,
    /// Those, alias names and alias ARNs: DescribeKey, GetPublicKey, and using a key.
    KeyOrAlias,
}

/// What an identifier leads to.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// A key, and the alias it was asked by.
    Found {
        key: Box<Found>,
        alias: Option<String>,
    },
    /// Nothing: what its ARN would be, and how it is said.
    Missing {
        account: AccountId,
        arn: String,
        error: ApiError,
    },
}

/// Follows an identifier of a request.
pub(crate) fn lookup(call: &Call<'_>, text: &str, by: By) -> Result<Lookup, CallError> {
    let region = call.context.region.as_str();
    let (account, id, alias) = match names::parse(call, text)? {
        Named::Key { account, id } => (account, id, None),
        Named::Alias { .. } if by == By::Key => {
            return Err(not_found(format!("Invalid keyId {text}")).into());
        }
        Named::Alias { account, name } => match target(call.tx, &account, region, &name)? {
            Some(id) => (account, id, Some(name)),
            None => {
                let arn = arn(region, account.as_str(), &name);
                let error = not_found(format!("Alias {arn} is not found."));
                return Ok(Lookup::Missing {
                    account,
                    arn,
                    error,
                });
            }
        },
    };
    let found = Found::look(call.tx, &account, region, &id)?;
    Ok(match found {
        Some(key) => Lookup::Found {
            key: Box::new(key),
            alias,
        },
        None => {
            let arn = arn(region, account.as_str(), &format!("key/{id}"));
            let error = missing(&arn);
            Lookup::Missing {
                account,
                arn,
                error,
            }
        }
    })
}

/// The key an alias leads to.
fn target(
    tx: &Tx,
    account: &AccountId,
    region: &str,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let alias = tx.get_cached(&ALIASES, &(account.as_str(), region, name))?;
    Ok(alias.map(|alias| alias.key.clone()))
}

/// The key an identifier names, which must exist and be in a state that `operation` works in. It becomes what the call is about. An AWS
/// managed key is made by its first use.
pub(crate) fn find(
    call: &mut Call<'_>,
    operation: &str,
    text: &str,
    by: By,
) -> Result<Found, CallError> {
    let key = match lookup(call, text, by)? {
        Lookup::Found { key, .. } => *key,
        Lookup::Missing { error, .. } => match managed::unmade(call, text)? {
            Some(managed) => managed::make(call, managed)?,
            None => return Err(error.into()),
        },
    };
    key.touch(call);
    key.check(operation)?;
    Ok(key)
}

/// There is no key of that ARN.
pub(crate) fn missing(arn: &str) -> ApiError {
    not_found(format!("Key '{arn}' does not exist"))
}

pub(crate) fn damaged(what: &str) -> ApiError {
    ApiError::receiver("KMSInternalException", what)
}
