//! Secrets are sealed before they enter a transaction, so that the store, its journal and its backups never hold one in clear.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hmac::{Hmac, Mac};
use palisade_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Random;

/// Seals and opens secrets. `purpose` and `owner` are bound to the sealed form: a secret moved to another row does not open.
pub trait Seal: Send + Sync {
    /// Seals `plain`, with a fresh nonce from `random`.
    fn seal(&self, purpose: &str, owner: &str, plain: &[u8], random: &mut dyn Random) -> Sealed;

    /// Opens what [`Seal::seal`] made for the same purpose and owner.
    fn open(
        &self,
        purpose: &str,
        owner: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealBroken>;

    /// Takes the keys that the state of `tx` holds, where it has keys in the state; whether they are others than before.
    fn learn(&self, _tx: &Tx) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Makes a new key in `tx` where one is due. Called by whoever is about to hand out credentials.
    fn renew(&self, _tx: &mut Tx, _random: &mut dyn Random) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A sealed secret: key id, nonce, ciphertext and tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(#[serde(with = "bytes_form")] Vec<u8>);

/// Altered, moved to another owner, or sealed under a key this deployment does not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open")]
pub struct SealBroken;

impl Sealed {
    /// The sealed form as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes a stored form; whether it is one shows when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A seal over root keys held in memory: AES-256-GCM under a key derived per root key and purpose (HMAC-SHA-256 as a
/// pseudorandom function, NIST SP 800-108 in its one-block case). The newest root key seals; all of them open.
pub struct RootKeySeal {
    /// Newest first; never empty.
    keys: Vec<RootKey>,
}

/// A root key of 256 bits and the short id sealed forms name it by.
pub struct RootKey {
    id: [u8; 4],
    key: Zeroizing<[u8; 32]>,
}

const NONCE_LENGTH: usize = 12;

impl RootKey {
    /// The id is the head of a hash of the key, so that a key file needs to hold nothing else.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let mut id = [0; 4];
        id.copy_from_slice(&derive(&key, "key-id")[..4]);
        Self { id, key }
    }

    /// Whether another is the same key, in a time that says nothing about where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.key.ct_eq(&*other.key).into()
    }

    /// The same key once more.
    #[must_use]
    pub fn share(&self) -> Self {
        Self::new(self.key.clone())
    }
}

impl RootKeySeal {
    /// `newest` seals and opens, `older` ones only open.
    pub fn new(newest: RootKey, older: Vec<RootKey>) -> Self {
        let mut keys = vec![newest];
        keys.extend(older);
        Self { keys }
    }
}

impl Seal for RootKeySeal {
    fn seal(&self, purpose: &str, owner: &str, plain: &[u8], random: &mut dyn Random) -> Sealed {
        let root = &self.keys[0];
        let mut nonce = [0; NONCE_LENGTH];
        random.fill(&mut nonce);
        let aad = associated_data(purpose, owner);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        // AES-GCM refuses only messages beyond 64 GiB.
        let sealed = cipher(root, purpose)
            .encrypt(Nonce::from_slice(&nonce), payload)
            .expect("a secret is short");
        let mut out = Vec::with_capacity(4 + NONCE_LENGTH + sealed.len());
        out.extend_from_slice(&root.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Sealed(out)
    }

    fn open(
        &self,
        purpose: &str,
        owner: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealBroken> {
        let (id, rest) = sealed.0.split_at_checked(4).ok_or(SealBroken)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LENGTH).ok_or(SealBroken)?;
        let root = self.keys.iter().find(|k| k.id == id).ok_or(SealBroken)?;
        let aad = associated_data(purpose, owner);
        let payload = Payload {
            msg: ciphertext,
            aad: &aad,
        };
        let plain = cipher(root, purpose).decrypt(Nonce::from_slice(nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| SealBroken)
    }
}

fn cipher(root: &RootKey, purpose: &str) -> Aes256Gcm {
    let key = derive(&root.key, purpose);
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&*key))
}

fn derive(root: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(root).expect("HMAC takes keys of any length");
    mac.update(b"palisade/seal/v1\0");
    mac.update(label.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn associated_data(purpose: &str, owner: &str) -> Vec<u8> {
    // Length-prefixed, so that no two pairs share an encoding.
    let mut aad = Vec::with_capacity(8 + purpose.len() + owner.len());
    aad.extend_from_slice(&(purpose.len() as u64).to_le_bytes());
    aad.extend_from_slice(purpose.as_bytes());
    aad.extend_from_slice(owner.as_bytes());
    aad
}

mod bytes_form {
    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Counting;

    fn seal() -> RootKeySeal {
        RootKeySeal::new(RootKey::new(Zeroizing::new([7; 32])), vec![])
    }

    #[test]
    fn opens_only_for_its_purpose_and_owner() {
        let sealed = seal().seal("access-key", "AKIA1", b"secret", &mut Counting::default());
        assert_eq!(
            &**seal().open("access-key", "AKIA1", &sealed).unwrap(),
            b"secret"
        );
        assert_eq!(seal().open("access-key", "AKIA2", &sealed), Err(SealBroken));
        assert_eq!(seal().open("root", "AKIA1", &sealed), Err(SealBroken));
    }

    #[test]
    fn any_flipped_bit_breaks_it() {
        let sealed = seal().seal("p", "o", b"secret", &mut Counting::default());
        for bit in 0..sealed.0.len() * 8 {
            let mut bytes = sealed.0.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(seal().open("p", "o", &Sealed(bytes)).is_err(), "bit {bit}");
        }
        for length in 0..sealed.0.len() {
            assert!(
                seal()
                    .open("p", "o", &Sealed(sealed.0[..length].to_vec()))
                    .is_err()
            );
        }
    }

    #[test]
    fn an_older_root_key_still_opens() {
        let old = seal().seal("p", "o", b"secret", &mut Counting::default());
        let new = RootKeySeal::new(
            RootKey::new(Zeroizing::new([9; 32])),
            vec![RootKey::new(Zeroizing::new([7; 32]))],
        );
        assert_eq!(&**new.open("p", "o", &old).unwrap(), b"secret");
        let fresh = new.seal("p", "o", b"secret", &mut Counting::default());
        assert_eq!(seal().open("p", "o", &fresh), Err(SealBroken));
    }
}
