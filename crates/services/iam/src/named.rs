//! What users, groups, roles, managed policies and instance profiles have in common: a name under a path, unique in its account
//! whatever the case of its letters. They are made, found, renamed, removed and listed here, once.

use std::sync::Arc;

use palisade_core::ids::{IdKind, unique_id};
use palisade_core::{AccountId, Call, CallError};
use palisade_model::{ApiError, Timestamp};
use palisade_store::{StoreError, Table, Tx};

use crate::api::errors;
use crate::page::{Ask, Page, page};
use crate::tables::*;

/// A thing with a name.
pub(crate) trait Named: palisade_store::Value + Clone {
    /// Its kind, as ARNs write it.
    const KIND: &'static str;
    /// Its kind, as records write it.
    const RECORD: &'static str;
    /// The prefix of its unique ids.
    const ID: IdKind;

    fn table() -> &'static Table<NameKey, Self>;
    fn head(&self) -> &Head;
    fn head_mut(&mut self) -> &mut Head;

    /// IAM's words for a name that is not there.
    fn missing(name: &str) -> String;
    /// IAM's words for a name that is there already.
    fn taken(name: &str) -> String;

    /// Refuses changes of what only AWS itself changes.
    fn check_modifiable(&self) -> Result<(), ApiError> {
        Ok(())
    }

    fn arn(&self, account: &AccountId) -> String {
        self.head().arn(Self::KIND, account)
    }
}

impl Head {
    /// A head with a fresh unique id.
    pub fn new<T: Named>(call: &mut Call<'_>, name: String, path: Option<String>) -> Self {
        let mut random = [0; 17];
        call.random.fill(&mut random);
        let path = path.unwrap_or_else(|| "/".to_owned());
        Self {
            name,
            path,
            id: unique_id(T::ID, random),
            created_ms: call.now_ms(),
        }
    }

    /// The ARN of a thing of `kind` with this head.
    pub fn arn(&self, kind: &str, account: &AccountId) -> String {
        format!("arn:aws:iam::{account}:{kind}{}{}", self.path, self.name)
    }

    /// When it was made, to the second, as answers say it.
    pub fn created(&self) -> Timestamp {
        moment(self.created_ms)
    }
}

/// A time in milliseconds as answers say it: to the second.
pub(crate) fn moment(ms: i64) -> Timestamp {
    Timestamp::new(ms.div_euclid(1000), 0).unwrap_or(Timestamp::EPOCH)
}

/// Looks a thing up. Names are found only as they are written.
pub(crate) fn find<T: Named>(
    tx: &Tx,
    account: &AccountId,
    name: &str,
) -> Result<Option<Arc<T>>, StoreError> {
    let row = tx.get_cached(T::table(), &name_key(account, name))?;
    Ok(row.filter(|row| row.head().name == name))
}

/// A thing of the caller's account, or `NoSuchEntity`.
pub(crate) fn read<T: Named>(call: &Call<'_>, name: &str) -> Result<Arc<T>, CallError> {
    find(call.tx, call.account(), name)?.ok_or_else(|| no_such_entity(T::missing(name)))
}

/// A thing of the caller's account to be changed, or `NoSuchEntity`, or `UnmodifiableEntity`.
pub(crate) fn edit<T: Named>(call: &Call<'_>, name: &str) -> Result<T, CallError> {
    let row = read::<T>(call, name)?;
    row.check_modifiable()?;
    Ok(T::clone(&row))
}

/// Keeps a new thing, unless its name is taken.
pub(crate) fn create<T: Named>(call: &mut Call<'_>, row: &T) -> Result<(), CallError> {
    check_free::<T>(call, &row.head().name)?;
    save(call, row)
}

/// Keeps a changed thing, under the name it had.
pub(crate) fn save<T: Named>(call: &mut Call<'_>, row: &T) -> Result<(), CallError> {
    let key = name_key(call.account(), &row.head().name);
    call.tx.put(T::table(), &key, row)?;
    touched(call, row);
    Ok(())
}

/// Removes a thing.
pub(crate) fn remove<T: Named>(call: &mut Call<'_>, row: &T) -> Result<(), CallError> {
    let key = name_key(call.account(), &row.head().name);
    call.tx.delete(T::table(), &key)?;
    touched(call, row);
    Ok(())
}

/// Gives a thing another name and path. What refers to it by name is the caller's to move.
pub(crate) fn rename<T: Named>(
    call: &mut Call<'_>,
    row: &mut T,
    name: Option<String>,
    path: Option<String>,
) -> Result<(), CallError> {
    let old = row.head().name.clone();
    if let Some(name) = name {
        if !old.eq_ignore_ascii_case(&name) {
            check_free::<T>(call, &name)?;
        }
        remove(call, row)?;
        row.head_mut().name = name;
    }
    if let Some(path) = path {
        row.head_mut().path = path;
    }
    save(call, row)
}

/// Names a thing in the call's record.
pub(crate) fn touched<T: Named>(call: &mut Call<'_>, row: &T) {
    let arn = row.arn(call.account());
    call.touched(T::RECORD, &row.head().name, &arn);
}

/// `NoSuchEntity` in IAM's words.
pub(crate) fn no_such_entity(message: impl Into<String>) -> CallError {
    errors::no_such_entity_exception(message).into()
}

/// Refuses a name that is taken: `EntityAlreadyExists`.
pub(crate) fn check_free<T: Named>(call: &Call<'_>, name: &str) -> Result<(), CallError> {
    let key = name_key(call.account(), name);
    if call.tx.contains(T::table(), &key)? {
        return Err(errors::entity_already_exists_exception(T::taken(name)).into());
    }
    Ok(())
}

/// A page of the things whose path begins with `prefix`, by name.
pub(crate) fn list<T: Named, O>(
    call: &mut Call<'_>,
    ask: Ask<'_>,
    prefix: Option<&str>,
    show: impl Fn(&Call<'_>, &T) -> Result<O, CallError>,
) -> Result<Page<O>, CallError> {
    let prefix = prefix.unwrap_or("/");
    page(
        call,
        ask,
        &mut [&mut |call, after, limit| {
            let rows = rows::<T>(call, after, limit, |row| {
                Ok(row.head().path.starts_with(prefix))
            })?;
            rows.into_iter()
                .map(|(key, row)| Ok((key, show(call, &row)?)))
                .collect()
        }],
    )
}

/// At most `limit` things of the caller's account behind the key `after` that `keep` keeps, each with its key.
pub(crate) fn rows<T: Named>(
    call: &Call<'_>,
    after: Option<&str>,
    limit: usize,
    mut keep: impl FnMut(&T) -> Result<bool, CallError>,
) -> Result<Vec<(String, T)>, CallError> {
    let account = call.account().to_string();
    let mut after = after.map(|name| (account.clone(), name.to_owned()));
    let mut kept = Vec::new();
    loop {
        let chunk = call
            .tx
            .range(T::table(), &(&account,), after.as_ref(), limit)?;
        let is_last = chunk.len() < limit;
        after = chunk.last().map(|(key, _)| key.clone());
        for ((_, key), row) in chunk {
            if keep(&row)? {
                kept.push((key, row));
            }
            if kept.len() == limit {
                return Ok(kept);
            }
        }
        if is_last {
            return Ok(kept);
        }
    }
}
