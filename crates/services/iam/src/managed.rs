//! Managed policies by ARN: AWS's own and the accounts'.

use std::sync::{Arc, OnceLock};

use palisade_core::ids::{IdKind, unique_id};
use palisade_core::{AccountId, Call, CallError};
use palisade_model::Timestamp;
use palisade_policy::CompiledPolicy;
use palisade_store::{StoreError, Tx};
use sha2::{Digest, Sha256};

use crate::api::errors;
use crate::document::compile;
use crate::named::Named;
use crate::policy_arn::{self, PolicyOwner};
use crate::tables::{self, POLICIES, name_key};

mod table {
    include!(concat!(env!("OUT_DIR"), "/managed_policies.rs"));
}

pub(crate) use table::{MANAGED_POLICIES, ManagedPolicy as AwsPolicy};

/// A managed policy.
#[derive(Clone)]
pub(crate) enum Managed {
    Aws(&'static AwsPolicy),
    Customer(Arc<tables::ManagedPolicy>),
}

impl AwsPolicy {
    /// Policies of service-linked roles are attached by their services alone.
    pub fn is_attachable(&self) -> bool {
        !self.path.starts_with("/aws-service-role/")
    }

    /// A unique id that follows from the ARN: what AWS gives it is not in the source, and it must be the same everywhere.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.arn());
        let mut bits = [0; 17];
        bits.copy_from_slice(&digest[..17]);
        unique_id(IdKind::Policy, bits)
    }

    /// When it was made.
    pub fn created_at(&self) -> Option<Timestamp> {
        Timestamp::parse_any(self.created)
    }

    /// When its default version was made.
    pub fn updated_at(&self) -> Option<Timestamp> {
        Timestamp::parse_any(self.updated)
    }

    /// Its policy, compiled when it is first asked for.
    pub fn compiled(&'static self) -> Arc<CompiledPolicy> {
        static COMPILED: OnceLock<Vec<OnceLock<Arc<CompiledPolicy>>>> = OnceLock::new();
        let all =
            COMPILED.get_or_init(|| MANAGED_POLICIES.iter().map(|_| OnceLock::new()).collect());
        let make = || compile(&self.arn(), self.document());
        let slot = MANAGED_POLICIES
            .binary_search_by(|policy| policy.name.cmp(self.name))
            .ok()
            .and_then(|at| all.get(at));
        slot.map_or_else(make, |slot| slot.get_or_init(make).clone())
    }
}

/// The policy of that ARN, of whatever account.
pub(crate) fn find(tx: &Tx, arn: &str) -> Result<Option<Managed>, StoreError> {
    let name = policy_arn::name(arn);
    match policy_arn::owner(arn) {
        None => Ok(None),
        Some(PolicyOwner::Aws) => Ok(aws(arn).map(Managed::Aws)),
        Some(PolicyOwner::Account(account)) => {
            let row = tx.get_cached(&POLICIES, &name_key(&account, name))?;
            Ok(row
                .filter(|row| row.arn(&account) == arn)
                .map(Managed::Customer))
        }
    }
}

/// The policy of that ARN if the caller's account may attach it: its own, or AWS's.
pub(crate) fn attachable(call: &Call<'_>, arn: &str) -> Result<Option<Managed>, CallError> {
    match policy_arn::owner(arn) {
        None => Err(errors::invalid_input_exception(format!("ARN {arn} is not valid.")).into()),
        Some(PolicyOwner::Account(account)) if account != *call.account() => Ok(None),
        Some(_) => Ok(find(call.tx, arn)?),
    }
}

/// The version in effect of the policy of that ARN, compiled.
pub(crate) fn compiled(tx: &Tx, arn: &str) -> Result<Option<Arc<CompiledPolicy>>, StoreError> {
    Reference::new(arn).compiled(tx)
}

/// A managed policy's ARN, understood once.
pub(crate) struct Reference {
    arn: String,
    target: Target,
}

enum Target {
    Aws(&'static AwsPolicy),
    Customer(AccountId, tables::NameKey),
    Nothing,
}

impl Reference {
    pub fn new(arn: &str) -> Self {
        let name = policy_arn::name(arn);
        let target = match policy_arn::owner(arn) {
            Some(PolicyOwner::Account(account)) => {
                Target::Customer(account.clone(), name_key(&account, name))
            }
            Some(PolicyOwner::Aws) => aws(arn).map_or(Target::Nothing, Target::Aws),
            None => Target::Nothing,
        };
        Self {
            arn: arn.to_owned(),
            target,
        }
    }

    /// The version in effect, compiled; `None` if there is no such policy.
    pub fn compiled(&self, tx: &Tx) -> Result<Option<Arc<CompiledPolicy>>, StoreError> {
        match &self.target {
            Target::Nothing => Ok(None),
            Target::Aws(policy) => Ok(Some(policy.compiled())),
            Target::Customer(account, key) => {
                let make = |row: &tables::ManagedPolicy| {
                    row.in_effect().document.compile(&row.arn(account))
                };
                let form = tx.get_cached_with(&POLICIES, key, "compiled", make)?;
                Ok(form
                    .map(|form| Arc::clone(&*form))
                    .filter(|policy| policy.name() == self.arn))
            }
        }
    }

    /// The version in effect of a policy that is attached. Should it be missing (AWS's own come with the program, and a newer
    /// one may have dropped it), everything is denied: its Denies are not known any more.
    pub fn in_effect(&self, tx: &Tx) -> Result<Arc<CompiledPolicy>, StoreError> {
        Ok(self.compiled(tx)?.unwrap_or_else(|| compile(&self.arn, "")))
    }
}

fn aws(arn: &str) -> Option<&'static AwsPolicy> {
    table::managed_policy(policy_arn::name(arn)).filter(|policy| policy.arn() == arn)
}
