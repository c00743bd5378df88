//! Trust policies: whom they name, and what becomes of the names.
//!
//! IAM keeps the users and roles that a trust policy names by their unique ids. When one is deleted, its id stands in the policy
//! where its ARN stood, and a new one of the same name is not trusted (IAM User Guide, "AWS JSON policy elements: Principal").

use std::borrow::Cow;

use palisade_core::principals::{Trusted, with_ids};
use palisade_core::{AccountId, Arn, Call, CallError};
use palisade_policy::document::PrincipalName;
use palisade_policy::{Policy, PolicyKind};
use palisade_store::{StoreError, Tx};

use crate::document::{Document, check_size, malformed};
use crate::limits;
use crate::named::{Named, find};
use crate::tables::{ACCOUNTS, Role, User};

/// Takes a trust policy: valid, within its quota, naming principals that exist. Of an account that this server does not have
/// nothing can be known, and its principals are taken as they are.
pub(crate) fn check(call: &Call<'_>, text: String) -> Result<(Document, Trusted), CallError> {
    let document = Document::new(text, PolicyKind::Trust)?;
    check_size(&document, "ACLSizePerRole", limits::TRUST_CHARACTERS)?;
    let mut trusted = Trusted::new();
    for name in document.parse().iter().flat_map(principals) {
        match lookup(call.tx, &name)? {
            Lookup::Known(id) if !trusted.iter().any(|(known, _)| *known == name) => {
                trusted.push((name, id))
            }
            Lookup::Known(_) | Lookup::Unchecked => {}
            Lookup::Missing => {
                return Err(malformed(format!(
                    "Invalid principal in policy: \"AWS\":\"{name}\""
                )));
            }
        }
    }
    Ok((document, trusted))
}

/// The trust policy as it stands now: ids in place of the ARNs whose principals are no more.
pub(crate) fn current<'a>(tx: &Tx, role: &'a Role) -> Result<Cow<'a, str>, StoreError> {
    let mut gone = Vec::new();
    for (arn, id) in &role.trusted {
        match lookup(tx, arn)? {
            Lookup::Known(now) if now == *id => {}
            _ => gone.push((arn.as_str(), id.as_str())),
        }
    }
    if gone.is_empty() {
        return Ok(Cow::Borrowed(role.trust.text()));
    }
    Ok(Cow::Owned(with_ids(role.trust.text(), &gone)))
}

/// What is known of a principal that a policy names.
enum Lookup {
    /// A user or role, with its unique id.
    Known(String),
    /// There is no such user, role or account.
    Missing,
    /// Of another server's account, or a kind that is not checked: sessions, whose names are free.
    Unchecked,
}

fn lookup(tx: &Tx, name: &str) -> Result<Lookup, StoreError> {
    if AccountId::new(name).is_ok() {
        return Ok(Lookup::Unchecked);
    }
    let Ok(arn) = name.parse::<Arn>() else {
        return Ok(Lookup::Missing);
    };
    let Some(account) = arn.account() else {
        return Ok(Lookup::Missing);
    };
    if arn.service() != "iam"
        || arn.resource() == "root"
        || tx.get_cached(&ACCOUNTS, &(account.as_str(),))?.is_none()
    {
        return Ok(Lookup::Unchecked);
    }
    let id = match arn.resource().split_once('/') {
        Some(("user", _)) => id::<User>(tx, account, arn.name(), name)?,
        Some(("role", _)) => id::<Role>(tx, account, arn.name(), name)?,
        _ => None,
    };
    Ok(id.map_or(Lookup::Missing, Lookup::Known))
}

fn id<T: Named>(
    tx: &Tx,
    account: &AccountId,
    name: &str,
    arn: &str,
) -> Result<Option<String>, StoreError> {
    let row = find::<T>(tx, account, name)?;
    Ok(row
        .filter(|row| row.arn(account) == arn)
        .map(|row| row.head().id.clone()))
}

/// The AWS principals a policy names.
fn principals(policy: &Policy) -> impl Iterator<Item = String> {
    let named = policy
        .statements
        .iter()
        .flat_map(|statement| &statement.principal)
        .flat_map(|element| &element.list);
    named.filter_map(|principal| match &principal.value {
        PrincipalName::Aws(name) => Some(name.clone()),
        _ => None,
    })
}
