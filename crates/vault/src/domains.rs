//! The domain keys: which there are, and the ones opened.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use palisade_keyring::{Domain, DomainKey, Random, Root, RootId, WrappedDomainKey};

use crate::keys::OpenError;
use crate::slot::Id;
use crate::slots::{Entry, Slots, SlotsError};

/// The kind of a slot that holds a domain key: when it was made (8 bytes, milliseconds), then its token.
pub(crate) const DOMAIN_KEY: u8 = 1;

/// How many keys are moved to another root with one sync.
const BATCH: usize = 256;

/// The domain keys by domain and version, and the roots that open them.
pub(crate) struct Domains {
    /// The newest first; more than one only while domain keys are moved from one to the other.
    roots: Vec<Root>,
    keys: HashMap<Domain, BTreeMap<u32, Version>>,
}

struct Version {
    id: Id,
    made_ms: u64,
    root: RootId,
    /// Opened at the first use.
    key: Option<Arc<DomainKey>>,
}

impl Domains {
    /// Reads which there are, and moves them all to the first of the roots, which alone is kept.
    pub fn load(
        slots: &Slots,
        roots: Vec<Root>,
        random: &mut dyn Random,
    ) -> Result<Self, OpenError> {
        let mut keys: HashMap<Domain, BTreeMap<u32, Version>> = HashMap::new();
        for id in slots.ids(DOMAIN_KEY) {
            let content = slots.get(&id)?.unwrap_or_default();
            let (made_ms, token) = split(&content).ok_or(OpenError::Damaged)?;
            let token = WrappedDomainKey::parse(token).map_err(|_| OpenError::Damaged)?;
            if !roots.iter().any(|root| root.id() == token.root()) {
                return Err(OpenError::ForeignRoot(token.root()));
            }
            let version = Version {
                id,
                made_ms,
                root: token.root(),
                key: None,
            };
            let of_domain = keys.entry(token.domain().clone()).or_default();
            of_domain.insert(token.version(), version);
        }
        let mut domains = Self { roots, keys };
        domains.rewrap(slots, random)?;
        Ok(domains)
    }

    /// The root that keys are wrapped by.
    pub fn root(&self) -> Option<RootId> {
        self.roots.first().map(Root::id)
    }

    /// Moves every key to a new root, which alone is kept; how many were moved.
    pub fn rotate_root(
        &mut self,
        slots: &Slots,
        new: Root,
        random: &mut dyn Random,
    ) -> Result<usize, OpenError> {
        self.roots.insert(0, new);
        self.rewrap(slots, random)
    }

    /// The newest version of a domain's key, if it has any.
    pub fn newest(&self, domain: &Domain) -> Option<u32> {
        let (version, _) = self.keys.get(domain)?.last_key_value()?;
        Some(*version)
    }

    /// Whether a domain has more than its newest key.
    pub fn has_older(&self) -> bool {
        self.keys.values().any(|versions| versions.len() > 1)
    }

    /// The domains, each with its newest version and when that was made.
    pub fn all(&self) -> Vec<(Domain, u32, u64)> {
        let newest = self.keys.iter().filter_map(|(domain, versions)| {
            let (version, newest) = versions.last_key_value()?;
            Some((domain.clone(), *version, newest.made_ms))
        });
        newest.collect()
    }

    /// The key of a domain and version, opened; `None` where there is none or it does not open.
    pub fn open(
        &mut self,
        slots: &Slots,
        domain: &Domain,
        version: u32,
    ) -> Result<Option<Arc<DomainKey>>, SlotsError> {
        let Some(known) = self
            .keys
            .get_mut(domain)
            .and_then(|of| of.get_mut(&version))
        else {
            return Ok(None);
        };
        if known.key.is_none() {
            let content = slots.get(&known.id)?.unwrap_or_default();
            known.key = unwrap(&content, &self.roots).map(Arc::new);
        }
        Ok(known.key.clone())
    }

    /// Makes the next version of a domain's key; it is durable when this returns.
    pub fn make(
        &mut self,
        slots: &Slots,
        domain: &Domain,
        now_ms: u64,
        random: &mut dyn Random,
    ) -> Result<Option<Arc<DomainKey>>, SlotsError> {
        let Some(root) = self.roots.first() else {
            return Ok(None);
        };
        let newest = self.keys.get(domain).and_then(BTreeMap::last_key_value);
        let version = newest.map_or(0, |(version, _)| *version).saturating_add(1);
        let key = DomainKey::generate(domain.clone(), version, random);
        let id = crate::keys::domain_key_id(domain, version);
        put(slots, &[(id, content(now_ms, &root.wrap(&key, random)))])?;
        let key = Arc::new(key);
        let made = Version {
            id,
            made_ms: now_ms,
            root: root.id(),
            key: Some(Arc::clone(&key)),
        };
        self.keys
            .entry(domain.clone())
            .or_default()
            .insert(version, made);
        Ok(Some(key))
    }

    fn rewrap(&mut self, slots: &Slots, random: &mut dyn Random) -> Result<usize, OpenError> {
        let Some(newest) = self.roots.first() else {
            return Ok(0);
        };
        let id = newest.id();
        let versions = self.keys.values_mut().flat_map(BTreeMap::values_mut);
        let mut others: Vec<&mut Version> = versions.filter(|v| v.root != id).collect();
        for batch in others.chunks_mut(BATCH) {
            let mut moved = Vec::with_capacity(batch.len());
            for version in &*batch {
                let old = slots.get(&version.id)?.unwrap_or_default();
                let key = unwrap(&old, &self.roots).ok_or(OpenError::ForeignRoot(version.root))?;
                moved.push((
                    version.id,
                    content(version.made_ms, &newest.wrap(&key, random)),
                ));
            }
            put(slots, &moved)?;
            batch.iter_mut().for_each(|version| version.root = id);
        }
        let moved = others.len();
        self.roots.truncate(1);
        Ok(moved)
    }

    /// Wipes the versions of a domain below `newest`.
    pub fn forget_below(
        &mut self,
        slots: &Slots,
        domain: &Domain,
        newest: u32,
    ) -> Result<usize, SlotsError> {
        let Some(versions) = self.keys.get_mut(domain) else {
            return Ok(0);
        };
        let old: Vec<u32> = versions
            .range(..newest)
            .map(|(version, _)| *version)
            .collect();
        let ids: Vec<Id> = old
            .iter()
            .filter_map(|v| Some(versions.get(v)?.id))
            .collect();
        slots.wipe(&ids)?;
        old.iter()
            .for_each(|version| drop(versions.remove(version)));
        Ok(ids.len())
    }
}

fn content(made_ms: u64, token: &[u8]) -> Vec<u8> {
    [&made_ms.to_be_bytes()[..], token].concat()
}

fn split(content: &[u8]) -> Option<(u64, &[u8])> {
    let (made, token) = content.split_first_chunk()?;
    Some((u64::from_be_bytes(*made), token))
}

fn unwrap(content: &[u8], roots: &[Root]) -> Option<DomainKey> {
    let token = WrappedDomainKey::parse(split(content)?.1).ok()?;
    roots.iter().find_map(|root| token.open(root).ok())
}

fn put(slots: &Slots, entries: &[(Id, Vec<u8>)]) -> Result<(), SlotsError> {
    let entries: Vec<Entry<'_>> = entries
        .iter()
        .map(|(id, content)| Entry {
            id: *id,
            kind: DOMAIN_KEY,
            content,
        })
        .collect();
    slots.put(&entries)
}
