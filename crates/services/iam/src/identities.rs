//! IAM as the gateway and the other services see it: the hot path of every request. What is made of a row (an opened secret,
//! compiled policies) is made once and kept until the row changes.

use std::sync::Arc;

use palisade_core::{
    AccessKey, AccountId, CallError, Identities, KeyOwner, ListedPrincipal, RoleIdentity, RoleRef,
    Seal, Secret, UserIdentity, UserRef,
};
use palisade_model::ApiError;
use palisade_policy::CompiledPolicy;
use palisade_store::Tx;

use crate::access_keys::SEAL_PURPOSE;
use crate::document::compile;
use crate::managed::{self, Reference};
use crate::tables::{
    self, ACCESS_KEYS, GROUP_NAMES, GROUPS, Head, Owner, Policies, ROLES, Role, USERS, User,
    name_key,
};
use crate::trust;

/// [`Identities`] over IAM's own tables.
pub struct IamIdentities {
    seal: Arc<dyn Seal>,
}

impl IamIdentities {
    /// `seal` opens the secrets of access keys.
    pub fn new(seal: Arc<dyn Seal>) -> Self {
        Self { seal }
    }
}

impl Identities for IamIdentities {
    fn access_key(&self, tx: &mut Tx, id: &str) -> Result<Option<Arc<AccessKey>>, CallError> {
        let form = tx.get_cached_with(&ACCESS_KEYS, &(id,), "opened", |row| {
            open(&*self.seal, id, row)
        })?;
        match form.as_deref() {
            None => Ok(None),
            Some(Some(key)) => Ok(Some(Arc::clone(key))),
            Some(None) => Err(ApiError::receiver(
                "ServiceFailure",
                "An access key's secret does not open.",
            )
            .into()),
        }
    }

    fn user(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<UserIdentity>>, CallError> {
        let Some(form) =
            tx.get_cached_with(&USERS, &name_key(account, name), "identity", UserForm::new)?
        else {
            return Ok(None);
        };
        if form.identity.user.name != name {
            return Ok(None);
        }
        if form.groups.is_empty() && form.held.is_empty() {
            return Ok(Some(Arc::clone(&form.identity)));
        }
        let mut identity = UserIdentity::clone(&form.identity);
        form.held.append_to(tx, &mut identity.policies)?;
        for id in &form.groups {
            let Some(name) = tx.get_cached(&GROUP_NAMES, &(account.as_str(), id.as_str()))? else {
                continue;
            };
            let key = (account.as_str(), name.as_str());
            if let Some(group) = tx.get_cached_with(&GROUPS, &key, "identity", |row| {
                Held::new(&row.policies, None)
            })? {
                group.append_to(tx, &mut identity.policies)?;
            }
        }
        identity.boundary = form.held.boundary(tx)?;
        Ok(Some(Arc::new(identity)))
    }

    fn role(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<RoleIdentity>>, CallError> {
        let key = name_key(account, name);
        let make = |row: &Role| RoleForm::new(account, row);
        let Some(form) = tx.get_cached_with(&ROLES, &key, "identity", make)? else {
            return Ok(None);
        };
        if form.identity.role.name != name {
            return Ok(None);
        }
        let trust = form.trust_now(tx, &key)?;
        if trust.is_none() && form.held.is_empty() {
            return Ok(Some(Arc::clone(&form.identity)));
        }
        let mut identity = RoleIdentity::clone(&form.identity);
        form.held.append_to(tx, &mut identity.policies)?;
        identity.boundary = form.held.boundary(tx)?;
        identity.trust = trust.unwrap_or(identity.trust);
        Ok(Some(Arc::new(identity)))
    }

    fn principals(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, ListedPrincipal)>, CallError> {
        let behind = |kind: &str| {
            let name = after.and_then(|after| after.strip_prefix(kind));
            name.map(|name| (account.as_str().to_owned(), name.to_owned()))
        };
        let prefix = (account.as_str(),);
        let mut found = Vec::new();
        if after.is_none_or(|after| after.starts_with(USER_PLACE)) {
            let users = tx.range(&USERS, &prefix, behind(USER_PLACE).as_ref(), limit)?;
            found.extend(users.into_iter().map(|((_, name), row)| {
                let Head {
                    name: own,
                    path,
                    id,
                    ..
                } = row.head;
                let user = UserRef {
                    name: own,
                    path,
                    id,
                };
                (format!("{USER_PLACE}{name}"), ListedPrincipal::User(user))
            }));
        }
        let room = limit - found.len();
        if room > 0 {
            let roles = tx.range(&ROLES, &prefix, behind(ROLE_PLACE).as_ref(), room)?;
            found.extend(roles.into_iter().map(|((_, name), row)| {
                let Head {
                    name: own,
                    path,
                    id,
                    ..
                } = row.head;
                let role = RoleRef {
                    account: account.clone(),
                    name: own,
                    path,
                    id,
                };
                (format!("{ROLE_PLACE}{name}"), ListedPrincipal::Role(role))
            }));
        }
        Ok(found)
    }

    fn managed_policy(
        &self,
        tx: &mut Tx,
        arn: &str,
    ) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
        Ok(managed::compiled(tx, arn)?)
    }
}

/// What the places of users and of roles begin with.
const USER_PLACE: &str = "user/";
const ROLE_PLACE: &str = "role/";

/// The key with its secret opened; `None` if it does not open.
fn open(seal: &dyn Seal, id: &str, row: &tables::AccessKey) -> Option<Arc<AccessKey>> {
    let secret = seal.open(SEAL_PURPOSE, id, &row.secret).ok()?;
    let secret = std::str::from_utf8(&secret).ok()?;
    let owner = match &row.owner {
        Owner::Root => KeyOwner::Root,
        Owner::User { name, id } => KeyOwner::User {
            name: name.clone(),
            id: id.clone(),
        },
    };
    Some(Arc::new(AccessKey {
        id: id.to_owned(),
        account: row.account.clone(),
        owner,
        secret: Secret::new(secret.to_owned()),
        active: row.active,
    }))
}

/// What is made of a user's row.
struct UserForm {
    /// All but what stands in other rows; its inline policies are in `held` if anything is.
    identity: Arc<UserIdentity>,
    held: Held,
    /// Unique ids of its groups.
    groups: Vec<String>,
}

impl UserForm {
    fn new(row: &User) -> Self {
        let Head { name, path, id, .. } = row.head.clone();
        let identity = UserIdentity {
            user: UserRef { name, path, id },
            tags: row.tags.clone(),
            policies: inline(&row.policies),
            boundary: None,
        };
        let held = Held {
            inline: Vec::new(),
            ..Held::new(&row.policies, row.boundary.as_deref())
        };
        Self {
            identity: Arc::new(identity),
            held,
            groups: row.groups.clone(),
        }
    }
}

/// What is made of a role's row.
struct RoleForm {
    identity: Arc<RoleIdentity>,
    held: Held,
    /// Whether the trust policy names users or roles, who may be gone.
    names_principals: bool,
}

impl RoleForm {
    fn new(account: &AccountId, row: &Role) -> Self {
        let Head { name, path, id, .. } = row.head.clone();
        let identity = RoleIdentity {
            role: RoleRef {
                account: account.clone(),
                name,
                path,
                id,
            },
            tags: row.tags.clone(),
            policies: inline(&row.policies),
            boundary: None,
            trust: row.trust.compile(TRUST),
            max_session_seconds: row.max_session_seconds,
        };
        let held = Held {
            inline: Vec::new(),
            ..Held::new(&row.policies, row.boundary.as_deref())
        };
        Self {
            identity: Arc::new(identity),
            held,
            names_principals: !row.trusted.is_empty(),
        }
    }

    /// The trust policy without the principals that are gone; `None` if it stands as it was put.
    fn trust_now(
        &self,
        tx: &Tx,
        key: &tables::NameKey,
    ) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
        if !self.names_principals {
            return Ok(None);
        }
        let Some(row) = tx.get_cached(&ROLES, key)? else {
            return Ok(None);
        };
        let text = trust::current(tx, &row)?;
        Ok((text != row.trust.text()).then(|| compile(TRUST, &text)))
    }
}

/// The name of a trust policy in decisions.
const TRUST: &str = "trust";

/// The policies of one user, group or role.
struct Held {
    inline: Vec<Arc<CompiledPolicy>>,
    attached: Vec<Reference>,
    boundary: Option<Reference>,
}

impl Held {
    fn new(policies: &Policies, boundary: Option<&str>) -> Self {
        Self {
            inline: inline(policies),
            attached: policies
                .attached
                .iter()
                .map(|arn| Reference::new(arn))
                .collect(),
            boundary: boundary.map(Reference::new),
        }
    }

    fn is_empty(&self) -> bool {
        self.inline.is_empty() && self.attached.is_empty() && self.boundary.is_none()
    }

    fn append_to(&self, tx: &Tx, policies: &mut Vec<Arc<CompiledPolicy>>) -> Result<(), CallError> {
        policies.extend(self.inline.iter().cloned());
        for reference in &self.attached {
            policies.push(reference.in_effect(tx)?);
        }
        Ok(())
    }

    fn boundary(&self, tx: &Tx) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
        Ok(self
            .boundary
            .as_ref()
            .map(|reference| reference.in_effect(tx))
            .transpose()?)
    }
}

fn inline(policies: &Policies) -> Vec<Arc<CompiledPolicy>> {
    policies
        .inline
        .iter()
        .map(|(name, document)| document.compile(&format!("inline:{name}")))
        .collect()
}
