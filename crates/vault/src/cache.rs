//! Opened materials, bounded: the ones used lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_keyring::Material;

use crate::slot::Id;

/// Two halves: what is used goes to the young one; when that is full it becomes the old one, whose materials are forgotten.
pub(crate) struct Cache {
    halves: Mutex<Halves>,
    half_max: usize,
}

#[derive(Default)]
struct Halves {
    young: HashMap<Id, Arc<Material>>,
    old: HashMap<Id, Arc<Material>>,
}

impl Cache {
    /// A cache of at most twice `half_max` materials.
    pub fn new(half_max: usize) -> Self {
        Self {
            halves: Mutex::default(),
            half_max,
        }
    }

    pub fn get(&self, id: &Id) -> Option<Arc<Material>> {
        let mut halves = self.lock();
        if let Some(found) = halves.young.get(id) {
            return Some(Arc::clone(found));
        }
        let found = halves.old.remove(id)?;
        halves.insert(self.half_max, *id, Arc::clone(&found));
        Some(found)
    }

    /// Takes a material, if `still_there` says so while nobody can remove it from here.
    pub fn insert(&self, id: Id, material: Arc<Material>, still_there: impl FnOnce() -> bool) {
        let mut halves = self.lock();
        if still_there() {
            halves.insert(self.half_max, id, material);
        }
    }

    pub fn remove(&self, ids: &[Id]) {
        let mut halves = self.lock();
        for id in ids {
            halves.young.remove(id);
            halves.old.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    fn insert(&mut self, half_max: usize, id: Id, material: Arc<Material>) {
        if self.young.len() >= half_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&id);
        self.young.insert(id, material);
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::OsRandom;
    use palisade_keyring::spec::KeySpec;

    use super::*;

    fn material() -> Arc<Material> {
        Arc::new(Material::generate(KeySpec::SymmetricDefault, &mut OsRandom).unwrap())
    }

    #[test]
    fn the_one_used_lately_stays_and_the_cache_is_bounded() {
        let cache = Cache::new(4);
        cache.insert([0; 32], material(), || true);
        for id in 1..100 {
            cache.insert([id; 32], material(), || true);
            assert!(cache.get(&[0; 32]).is_some());
        }
        let there = (0..100).filter(|id| cache.get(&[*id; 32]).is_some());
        assert!(there.count() <= 8);
    }

    #[test]
    fn what_is_gone_is_not_taken() {
        let cache = Cache::new(4);
        cache.insert([0; 32], material(), || false);
        assert!(cache.get(&[0; 32]).is_none());
        cache.insert([0; 32], material(), || true);
        cache.remove(&[[0; 32]]);
        assert!(cache.get(&[0; 32]).is_none());
    }
}
