//! Texts that nobody else can make or read: AES-256-GCM under a key of one's own.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The longest text that is opened.
const TEXT_BYTES_MAX: usize = 1024;
const NONCE_BYTES: usize = 12;

/// Seals under the first key and opens under any.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<Aes256Gcm>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({} keys)", self.keys.len())
    }
}

/// Why a text holds no keys.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a token key is 64 hexadecimal digits; a file has one a line, two at most: the first seals, both open"
)]
pub struct NoKeys;

impl Sealer {
    /// Seals under the first of these, opens under all.
    pub fn new(keys: Vec<[u8; 32]>) -> Sealer {
        let keys = keys
            .iter()
            .map(|key| Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key)));
        Sealer {
            keys: keys.collect(),
        }
    }

    /// The keys of a file: 64 hexadecimal digits a line, the one that seals first.
    ///
    /// # Errors
    /// Where it holds anything else, none, or more than two.
    pub fn parse(text: &str) -> Result<Sealer, NoKeys> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<[u8; 32]> = lines.map(key).collect::<Result<_, _>>()?;
        match keys.len() {
            1 | 2 => Ok(Sealer::new(keys)),
            _ => Err(NoKeys),
        }
    }

    /// Seals. `random` makes the nonce: it may not come again under the key, for whatever purpose.
    pub fn seal(&self, purpose: &[u8], plain: &[u8], random: &[u8; 16]) -> String {
        // The purpose is in the nonce, so that one and the same random may name a challenge and seal it.
        let hash = Sha256::new()
            .chain_update(random)
            .chain_update(purpose)
            .finalize();
        let nonce = &hash[..NONCE_BYTES];
        let sealed = self.keys.first().and_then(|key| {
            let payload = Payload {
                msg: plain,
                aad: purpose,
            };
            key.encrypt(Nonce::from_slice(nonce), payload).ok()
        });
        URL_SAFE_NO_PAD.encode([nonce, &sealed.unwrap_or_default()].concat())
    }

    /// What was sealed for this purpose.
    pub fn open(&self, purpose: &[u8], text: &str) -> Option<Vec<u8>> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let open = |key: &Aes256Gcm| {
            let payload = Payload {
                msg: sealed,
                aad: purpose,
            };
            key.decrypt(Nonce::from_slice(nonce), payload).ok()
        };
        self.keys.iter().find_map(open)
    }
}

fn key(line: &str) -> Result<[u8; 32], NoKeys> {
    let mut key = [0; 32];
    if line.len() != 64 || !line.is_ascii() {
        return Err(NoKeys);
    }
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        let digits = line
            .get(at..at + 2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(NoKeys)?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_for_its_purpose_only() {
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let before = Sealer::parse(&old).unwrap();
        let sealed = before.seal(b"a", b"text", &[5; 16]);
        assert_eq!(before.open(b"a", &sealed).unwrap(), b"text");
        assert_eq!(before.open(b"b", &sealed), None);
        let rotated = Sealer::parse(&format!("{new}\n{old}\n")).unwrap();
        assert_eq!(rotated.open(b"a", &sealed).unwrap(), b"text");
        assert_eq!(Sealer::parse(&new).unwrap().open(b"a", &sealed), None);
        let fresh = rotated.seal(b"a", b"text", &[6; 16]);
        assert_eq!(before.open(b"a", &fresh), None, "the first key seals");
        for text in ["", "!", "AAAA", &sealed[1..], &"A".repeat(2000)] {
            assert_eq!(before.open(b"a", text), None);
        }
    }

    #[test]
    fn keys_are_64_digits_and_two_at_most() {
        let key = "0f".repeat(32);
        for wrong in [
            String::new(),
            "zz".repeat(32),
            key[1..].to_owned(),
            "+f".repeat(32),
            format!("{key}\n{key}\n{key}"),
            "é".repeat(32),
        ] {
            assert_eq!(Sealer::parse(&wrong).unwrap_err(), NoKeys);
        }
    }
}
