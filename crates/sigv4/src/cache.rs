//! A bounded cache of signing keys, shared by threads.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::error::AuthError;
use crate::key::SigningKey;
use crate::parse::Credentialed;
use crate::request::RequestHead;
use crate::verify::{Body, Rules, Verified, verify};

/// Signing keys by credential (access key, date, region, service) and secret generation.
///
/// The cache is set-associative: a credential belongs to one set of eight places, each set has a
/// lock of its own, and a full set gives up the entry that was not used since the hand passed it
/// (CLOCK). So memory is bounded, a lookup allocates nothing, and threads rarely meet.
///
/// Only keys that have verified a request are kept: a stranger who knows an access key id but not
/// its secret cannot push others out.
#[derive(Debug)]
pub struct KeyCache {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
}

const PLACES: usize = 8;

impl KeyCache {
    /// A cache of at least `capacity` keys (rounded up to a multiple of eight; at least eight).
    pub fn new(capacity: usize) -> KeyCache {
        let sets = capacity.div_ceil(PLACES).max(1);
        KeyCache {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Verifies a request, with the key from here or else derived from `secret`.
    ///
    /// `generation` distinguishes secrets of the same access key id: a fingerprint of the secret
    /// or a number that changes when the secret does. `secret` is called only on a miss, so that
    /// unsealing may be costly.
    ///
    /// # Errors
    /// What [`verify`] finds, and what `secret` reports.
    #[allow(clippy::too_many_arguments)]
    pub fn verify<S: AsRef<str>>(
        &self,
        claim: &Credentialed<'_>,
        head: &RequestHead<'_>,
        generation: u64,
        secret: impl FnOnce() -> Result<S, AuthError>,
        body: Body<'_>,
        now: i64,
        rules: &Rules<'_>,
    ) -> Result<Verified, AuthError> {
        if let Some(key) = self.get(claim.credential(), generation) {
            return verify(claim, head, &key, body, now, rules);
        }
        claim.check(head, now, rules)?;
        let secret = secret()?;
        let key = SigningKey::derive(
            secret.as_ref(),
            claim.scope_date(),
            claim.region(),
            claim.service(),
        );
        let verified = verify(claim, head, &key, body, now, rules)?;
        self.insert(claim.credential(), generation, key);
        Ok(verified)
    }

    /// The key of a credential (`access key/date/region/service/aws4_request`), if it is here.
    pub fn get(&self, credential: &str, generation: u64) -> Option<SigningKey> {
        let (set, tag) = self.place(credential, generation);
        set.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tag, credential, generation)
    }

    /// Keeps a key.
    pub fn insert(&self, credential: &str, generation: u64, key: SigningKey) {
        let (set, tag) = self.place(credential, generation);
        set.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Entry {
                tag,
                generation,
                credential: credential.into(),
                key,
                used: false,
            });
    }

    fn place(&self, credential: &str, generation: u64) -> (&Mutex<Set>, u64) {
        let mut hasher = self.hasher.build_hasher();
        credential.hash(&mut hasher);
        generation.hash(&mut hasher);
        let tag = hasher.finish();
        let index = (tag % self.sets.len() as u64) as usize;
        (&self.sets[index], tag)
    }
}

#[derive(Debug, Default)]
struct Set {
    entries: Vec<Entry>,
    hand: usize,
}

#[derive(Debug)]
struct Entry {
    tag: u64,
    generation: u64,
    credential: Box<str>,
    key: SigningKey,
    used: bool,
}

impl Set {
    fn get(&mut self, tag: u64, credential: &str, generation: u64) -> Option<SigningKey> {
        let entry = self
            .entries
            .iter_mut()
            .find(|entry| entry.is(tag, credential, generation))?;
        entry.used = true;
        Some(entry.key.clone())
    }

    fn insert(&mut self, new: Entry) {
        let same = |entry: &&mut Entry| entry.is(new.tag, &new.credential, new.generation);
        if let Some(entry) = self.entries.iter_mut().find(same) {
            *entry = new;
        } else if self.entries.len() < PLACES {
            self.entries.push(new);
        } else {
            let victim = self.victim();
            self.entries[victim] = new;
        }
    }

    // Passes over used entries, marking them unused; two rounds at most.
    fn victim(&mut self) -> usize {
        loop {
            let at = self.hand % PLACES;
            self.hand = (at + 1) % PLACES;
            if !std::mem::take(&mut self.entries[at].used) {
                return at;
            }
        }
    }
}

impl Entry {
    fn is(&self, tag: u64, credential: &str, generation: u64) -> bool {
        self.tag == tag && self.generation == generation && *self.credential == *credential
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> SigningKey {
        SigningKey::derive(&n.to_string(), "20150830", "us-east-1", "iam")
    }

    #[test]
    fn a_key_is_found_by_credential_and_generation_only() {
        let cache = KeyCache::new(64);
        cache.insert("A/20150830/r/s/aws4_request", 1, key(1));
        let found = cache.get("A/20150830/r/s/aws4_request", 1).unwrap();
        assert_eq!(found.sign(&[b"x"]), key(1).sign(&[b"x"]));
        assert!(cache.get("A/20150830/r/s/aws4_request", 2).is_none());
        assert!(cache.get("A/20150831/r/s/aws4_request", 1).is_none());
    }

    #[test]
    fn the_cache_never_grows_past_its_capacity() {
        let cache = KeyCache::new(16);
        for n in 0..1000 {
            cache.insert(&n.to_string(), 0, key(n));
        }
        let kept = (0..1000)
            .filter(|n| cache.get(&n.to_string(), 0).is_some())
            .count();
        assert!((8..=16).contains(&kept), "{kept}");
    }

    #[test]
    fn an_entry_in_use_outlives_those_that_are_not() {
        let cache = KeyCache::new(8);
        for n in 0..8 {
            cache.insert(&n.to_string(), 0, key(n));
        }
        for n in 8..100 {
            assert!(cache.get("3", 0).is_some(), "lost before {n}");
            cache.insert(&n.to_string(), 0, key(n));
        }
    }
}
