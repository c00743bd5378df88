//! What the rest of the house asks of IAM: who is behind a key, and which policies decide for a principal.

use std::sync::Arc;

use palisade_policy::CompiledPolicy;
use palisade_store::Tx;

use crate::{AccountId, CallError, RoleRef, Secret, UserRef};

/// A long-term access key.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// `AKIA…`, or a name given on the command line.
    pub id: String,
    /// The account it belongs to.
    pub account: AccountId,
    /// Whose it is.
    pub owner: KeyOwner,
    /// The signing secret.
    pub secret: Secret,
    /// Inactive keys sign nothing.
    pub active: bool,
}

/// Whose a long-term access key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The account's root.
    Root,
    /// A user, by name and unique id.
    User {
        /// The user's name.
        name: String,
        /// The user's unique id.
        id: String,
    },
}

/// A user and all that decides for it.
#[derive(Clone, Debug)]
pub struct UserIdentity {
    /// Name, path and id.
    pub user: UserRef,
    /// The user's tags.
    pub tags: Vec<(String, String)>,
    /// Its policies, those of its groups included.
    pub policies: Vec<Arc<CompiledPolicy>>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
}

/// A role and all that decides for its sessions.
#[derive(Clone, Debug)]
pub struct RoleIdentity {
    /// Account, name, path and id.
    pub role: RoleRef,
    /// The role's tags.
    pub tags: Vec<(String, String)>,
    /// Its policies.
    pub policies: Vec<Arc<CompiledPolicy>>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
    /// Who may assume it.
    pub trust: Arc<CompiledPolicy>,
    /// How long a session may last, in seconds.
    pub max_session_seconds: i64,
}

/// A user or a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedPrincipal {
    /// A user.
    User(UserRef),
    /// A role.
    Role(RoleRef),
}

/// IAM as the others see it. Every answer comes from the transaction, so a decision and what it was based on share one position.
pub trait Identities: Send + Sync {
    /// A long-term key by its id.
    fn access_key(&self, tx: &mut Tx, id: &str) -> Result<Option<Arc<AccessKey>>, CallError>;

    /// A user by name.
    fn user(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<UserIdentity>>, CallError>;

    /// A role by name.
    fn role(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<RoleIdentity>>, CallError>;

    /// The users and then the roles of an account, `limit` at most, each with where it stands: the next ones come `after` that. A
    /// directory that cannot be walked lists none.
    fn principals(
        &self,
        _tx: &mut Tx,
        _account: &AccountId,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<(String, ListedPrincipal)>, CallError> {
        Ok(Vec::new())
    }

    /// A managed policy by ARN, its default version; AWS's own too.
    fn managed_policy(
        &self,
        tx: &mut Tx,
        arn: &str,
    ) -> Result<Option<Arc<CompiledPolicy>>, CallError>;
}

/// What an organization lays over its accounts.
pub trait Guardrails: Send + Sync {
    /// The organization an account belongs to, and the control policies that bind it.
    fn of_account(
        &self,
        tx: &mut Tx,
        account: &AccountId,
    ) -> Result<Option<Arc<AccountGuardrails>>, CallError>;
}

/// An account's place in its organization.
#[derive(Clone, Debug)]
pub struct AccountGuardrails {
    /// `o-…`.
    pub organization_id: String,
    /// The management account: exempt from both kinds of policies.
    pub management_account: AccountId,
    /// Service control policies, a level each, the root's first.
    pub scps: Vec<Vec<Arc<CompiledPolicy>>>,
    /// Resource control policies, a level each, the root's first.
    pub rcps: Vec<Vec<Arc<CompiledPolicy>>>,
}

/// Standalone accounts: no organization, no guardrails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOrganization;

impl Guardrails for NoOrganization {
    fn of_account(
        &self,
        _: &mut Tx,
        _: &AccountId,
    ) -> Result<Option<Arc<AccountGuardrails>>, CallError> {
        Ok(None)
    }
}
