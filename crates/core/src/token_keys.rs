//! The keys that tokens are sealed with: made anew every week, each kept until the last token it sealed has ended.
//!
//! What is kept for long (access keys, root credentials) is sealed under the root key and stays so. Tokens leave the server in great
//! number, so their keys change by themselves: the newest seals, all of them open. They stand in the state, sealed under the root
//! key, so every node of a deployment has the same ones. Whoever is about to hand out credentials makes the next one when it is due,
//! in the transaction of that call; it is used from the next such call on, when it is durable.

use std::sync::{Arc, PoisonError, RwLock};

use palisade_store::{StoreError, Table, Tx};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Random, RootKey, RootKeySeal, Seal, SealBroken, Sealed};

/// How long the newest key seals, in milliseconds.
pub const PERIOD_MS: i64 = 7 * 24 * HOUR_MS;

/// The longest a token lasts: 36 hours (STS API Reference, GetSessionToken and GetFederationToken), and what clocks may differ.
const TOKEN_LIFETIME_MS: i64 = 37 * HOUR_MS;
const HOUR_MS: i64 = 3600 * 1000;

/// What is sealed with these keys; everything else with the root key.
const PURPOSES: [&str; 3] = ["session-token", "page-token", "authorization-message"];

/// Keys by the time they were made, in milliseconds.
static KEYS: Table<(u64,), TokenKey> = Table::new("core.token-key");

/// More than there can be: one a week, each kept for little more than a week.
const KEYS_MAX: usize = 16;
const PURPOSE: &str = "token-key";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TokenKey {
    key: Sealed,
}

/// Seals tokens with keys that change, everything else with the root key.
///
/// Without any token key (in a state that has not handed out credentials yet) the root key stands in, and tokens that it sealed
/// open until they end.
pub struct TokenSeal {
    root: RootKeySeal,
    ring: RwLock<Arc<Ring>>,
}

#[derive(Default)]
struct Ring {
    /// When its keys were made.
    made_ms: Vec<u64>,
    seal: Option<RootKeySeal>,
}

impl TokenSeal {
    /// A seal that knows no token key yet.
    pub fn new(root: RootKeySeal) -> Self {
        Self {
            root,
            ring: RwLock::default(),
        }
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the keys of the state; whether they are others than before.
    fn take(&self, rows: &[((u64,), TokenKey)]) -> bool {
        let made_ms: Vec<u64> = rows.iter().map(|((made,), _)| *made).collect();
        if made_ms == self.ring().made_ms {
            return false;
        }
        // One that does not open was sealed under a root key that is gone: so are its tokens.
        let mut keys: Vec<RootKey> = rows.iter().filter_map(|row| self.unsealed(row)).collect();
        let newest = keys.pop();
        keys.reverse();
        let seal = newest.map(|newest| RootKeySeal::new(newest, keys));
        let ring = Arc::new(Ring { made_ms, seal });
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        true
    }

    fn unsealed(&self, ((made,), row): &((u64,), TokenKey)) -> Option<RootKey> {
        let plain = self.root.open(PURPOSE, &made.to_string(), &row.key).ok()?;
        let key: [u8; 32] = plain.as_slice().try_into().ok()?;
        Some(RootKey::new(Zeroizing::new(key)))
    }
}

impl Seal for TokenSeal {
    fn seal(&self, purpose: &str, owner: &str, plain: &[u8], random: &mut dyn Random) -> Sealed {
        let ring = self.ring();
        match &ring.seal {
            Some(tokens) if PURPOSES.contains(&purpose) => {
                tokens.seal(purpose, owner, plain, random)
            }
            _ => self.root.seal(purpose, owner, plain, random),
        }
    }

    fn open(
        &self,
        purpose: &str,
        owner: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealBroken> {
        let ring = self.ring();
        let tokens = ring.seal.as_ref().filter(|_| PURPOSES.contains(&purpose));
        let opened = tokens.and_then(|tokens| tokens.open(purpose, owner, sealed).ok());
        opened.map_or_else(|| self.root.open(purpose, owner, sealed), Ok)
    }

    fn learn(&self, tx: &Tx) -> Result<bool, StoreError> {
        // A branch is of the past, and its tokens are sealed with the keys of now.
        if tx.branch().is_some() {
            return Ok(false);
        }
        Ok(self.take(&tx.range(&KEYS, &(), None, KEYS_MAX)?))
    }

    fn renew(&self, tx: &mut Tx, random: &mut dyn Random) -> Result<(), StoreError> {
        if tx.branch().is_some() {
            return Ok(());
        }
        let rows = tx.range(&KEYS, &(), None, KEYS_MAX)?;
        self.take(&rows);
        let now_ms = tx.time().0;
        let ended = |made_ms: u64, lasting_ms: i64| {
            let age_ms = i64::try_from(now_ms.saturating_sub(made_ms)).unwrap_or(i64::MAX);
            age_ms >= lasting_ms
        };
        let newest = rows.last().map(|((made,), _)| *made);
        if newest.is_some_and(|made| !ended(made, PERIOD_MS)) {
            return Ok(());
        }
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        let sealed = self.root.seal(PURPOSE, &now_ms.to_string(), &*key, random);
        tx.put(&KEYS, &(now_ms,), &TokenKey { key: sealed })?;
        // Each but the newest sealed until the one after it was made.
        for pair in rows.windows(2) {
            let [((made,), _), ((next,), _)] = pair else {
                continue;
            };
            if ended(*next, TOKEN_LIFETIME_MS) {
                tx.delete(&KEYS, &(*made,))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use palisade_store::{Durability, Fact, ManualClock, Millis, Options, Store};

    use super::*;
    use crate::testing::Counting;

    struct World {
        store: Store,
        clock: Arc<ManualClock>,
        random: Counting,
    }

    const TOKEN: &str = "session-token";

    fn seal(root: u8) -> TokenSeal {
        TokenSeal::new(RootKeySeal::new(
            RootKey::new(Zeroizing::new([root; 32])),
            vec![],
        ))
    }

    impl World {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::new(Millis(1_795_521_600_000)));
            let options = Options {
                clock: clock.clone(),
                ..Options::default()
            };
            let store = Store::open_memory(options).unwrap();
            Self {
                store,
                clock,
                random: Counting::default(),
            }
        }

        /// A call that hands out credentials; how many keys there are after it.
        async fn call(&mut self, seal: &TokenSeal) -> usize {
            let mut tx = self.store.begin().unwrap();
            seal.renew(&mut tx, &mut self.random).unwrap();
            let committed = self.store.commit(tx, Fact::default(), Durability::Durable);
            committed.await.unwrap();
            let tx = self.store.begin().unwrap();
            seal.learn(&tx).unwrap();
            tx.range(&KEYS, &(), None, KEYS_MAX).unwrap().len()
        }

        fn days(&self, days: u64) {
            self.clock.advance(Duration::from_secs(days * 24 * 3600));
        }
    }

    #[tokio::test]
    async fn a_token_opens_until_it_has_ended_and_no_longer() {
        let (mut world, seal) = (World::new(), seal(7));
        let by_root = seal.seal(TOKEN, "o", b"0", &mut world.random);
        assert_eq!(world.call(&seal).await, 1);
        let first = seal.seal(TOKEN, "o", b"1", &mut world.random);
        world.days(6);
        assert_eq!(world.call(&seal).await, 1, "not due yet");
        world.days(1);
        assert_eq!(world.call(&seal).await, 2);
        let second = seal.seal(TOKEN, "o", b"2", &mut world.random);
        for (token, plain) in [(&by_root, b"0"), (&first, b"1"), (&second, b"2")] {
            assert_eq!(&**seal.open(TOKEN, "o", token).unwrap(), plain);
        }
        world.days(7);
        assert_eq!(world.call(&seal).await, 2, "the first is outlived");
        assert!(seal.open(TOKEN, "o", &first).is_err());
        assert_eq!(&**seal.open(TOKEN, "o", &second).unwrap(), b"2");
    }

    #[tokio::test]
    async fn another_node_opens_what_this_one_sealed() {
        let (mut world, here) = (World::new(), seal(7));
        world.call(&here).await;
        let token = here.seal(TOKEN, "o", b"1", &mut world.random);
        let there = seal(7);
        assert!(
            there.open(TOKEN, "o", &token).is_err(),
            "it knows no key yet"
        );
        let tx = world.store.begin().unwrap();
        assert!(there.learn(&tx).unwrap() && !there.learn(&tx).unwrap());
        assert_eq!(&**there.open(TOKEN, "o", &token).unwrap(), b"1");
        // With another root key the state's keys are of no use.
        let stranger = seal(8);
        stranger.learn(&tx).unwrap();
        assert!(stranger.open(TOKEN, "o", &token).is_err());
    }

    #[tokio::test]
    async fn what_is_kept_for_long_stays_under_the_root_key() {
        let (mut world, here) = (World::new(), seal(7));
        world.call(&here).await;
        let kept = here.seal("access-key", "AKIA1", b"s", &mut world.random);
        assert_eq!(
            &**here.root.open("access-key", "AKIA1", &kept).unwrap(),
            b"s"
        );
    }

    #[tokio::test]
    async fn a_branch_makes_no_keys_and_seals_with_those_of_now() {
        let (mut world, here) = (World::new(), seal(7));
        let branch = world.store.branch(world.store.head().position).unwrap();
        world.call(&here).await;
        let mut tx = world.store.begin_on(branch).unwrap();
        here.renew(&mut tx, &mut world.random).unwrap();
        assert!(!tx.has_writes() && !here.learn(&tx).unwrap());
        let token = here.seal(TOKEN, "o", b"1", &mut world.random);
        assert!(
            here.root.open(TOKEN, "o", &token).is_err(),
            "a token key sealed it"
        );
    }
}
