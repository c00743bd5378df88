//! Reads of a transaction through the cache of decoded rows.

use crate::cache::{Fill, Form};
use crate::error::StoreError;
use crate::fact::Position;
use crate::key::{Key, KeyOf};
use crate::table::{Table, Value};
use crate::tx::{Tx, decode};
use std::sync::Arc;

impl Tx {
    /// The value under `key`, decoded once for all calls until it changes.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn get_cached<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<Option<Arc<V>>, StoreError> {
        let row = table.row(key);
        if let Some(written) = self.writes.get(row.as_slice()) {
            return written
                .as_deref()
                .map(|bytes| decode(&row, bytes).map(Arc::new))
                .transpose();
        }
        self.read_cached(&row)
    }

    /// What `make` makes of the value under `key`, made once for all calls until the value changes: a compiled policy,
    /// say. `name` names the form; two forms of one table must have different names.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn get_cached_with<K: Key, V: Value, T: Send + Sync + 'static>(
        &self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
        name: &'static str,
        make: impl FnOnce(&V) -> T,
    ) -> Result<Option<Arc<T>>, StoreError> {
        let row = table.row(key);
        if let Some(written) = self.writes.get(row.as_slice()) {
            return written
                .as_deref()
                .map(|bytes| decode(&row, bytes).map(|value| Arc::new(make(&value))))
                .transpose();
        }
        if let Some(form) = self.cached_form::<T>(&row, name) {
            return Ok(form);
        }
        let Some(value) = self.read_cached::<V>(&row)? else {
            return Ok(None);
        };
        let form = Arc::new(make(&value));
        self.fill(
            row.into(),
            self.position(),
            Some(value),
            Some((name, form.clone())),
            0,
        );
        Ok(Some(form))
    }

    /// Whether the shared cache may answer for `row`: its entries hold for past positions too, but not under an overlay.
    fn is_shared(&self, row: &[u8]) -> bool {
        self.view
            .overlay
            .as_ref()
            .is_none_or(|overlay| overlay.get(row).is_none())
    }

    fn read_cached<V: Value>(&self, row: &[u8]) -> Result<Option<Arc<V>>, StoreError> {
        if self.is_shared(row)
            && let Some(hit) = self.cache.get(row, self.position(), "")
        {
            match hit.value.map(Arc::downcast::<V>) {
                None => {
                    self.saw(hit.row);
                    return Ok(None);
                }
                Some(Ok(value)) => {
                    self.saw(hit.row);
                    return Ok(Some(value));
                }
                Some(Err(_)) => {} // another type under the same table name: not for the cache
            }
        }
        let row: Arc<[u8]> = row.into();
        self.saw(row.clone());
        let found = self.read(&row)?;
        let Some(found) = found else {
            self.fill(row, self.position(), None::<Arc<V>>, None, 0);
            return Ok(None);
        };
        let value = Arc::new(decode::<V>(&row, &found.value)?);
        self.fill(
            row,
            found.written_at,
            Some(value.clone()),
            None,
            found.value.len(),
        );
        Ok(Some(value))
    }

    /// `Some(None)` when the cache knows that there is no such row.
    fn cached_form<T: Send + Sync + 'static>(
        &self,
        row: &[u8],
        name: &'static str,
    ) -> Option<Option<Arc<T>>> {
        if !self.is_shared(row) {
            return None;
        }
        let hit = self.cache.get(row, self.position(), name)?;
        let form = match (hit.value, hit.form) {
            (None, _) => None,
            (Some(_), form) => Some(form?.downcast::<T>().ok()?),
        };
        self.saw(hit.row);
        Some(form)
    }

    /// Leaves a value of the newest state in the shared cache; other views only take from it.
    fn fill<V: Value>(
        &self,
        row: Arc<[u8]>,
        valid_from: Position,
        value: Option<Arc<V>>,
        form: Option<(&'static str, Form)>,
        encoded_bytes: usize,
    ) {
        let read_at = self.view.published.head.position;
        if self.view.overlay.is_some() || self.view.position != read_at {
            return;
        }
        let value = value.map(|value| value as Form);
        self.cache.fill(Fill {
            row,
            read_at,
            valid_from,
            value,
            form,
            encoded_bytes,
        });
    }
}
