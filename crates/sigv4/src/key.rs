//! Signing keys: derived from a secret for one day, region and service.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::encode::hex32;

/// The last part of every credential scope.
pub const TERMINATOR: &str = "aws4_request";

/// A derived signing key, ready for use: the keyed state of HMAC-SHA-256.
///
/// Good for one secret, date, region and service. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Derives the key of a secret access key for `date` (`YYYYMMDD`), region and service.
    ///
    /// ```
    /// # use palisade_sigv4::SigningKey;
    /// let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
    /// assert_eq!(key.sign_hex(&[b"hello"]).len(), 64);
    /// ```
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> SigningKey {
        let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.as_bytes());
        let date_key = Zeroizing::new(keyed(&first).sign(&[date.as_bytes()]));
        let region_key = Zeroizing::new(keyed(&*date_key).sign(&[region.as_bytes()]));
        let service_key = Zeroizing::new(keyed(&*region_key).sign(&[service.as_bytes()]));
        let key = Zeroizing::new(keyed(&*service_key).sign(&[TERMINATOR.as_bytes()]));
        keyed(&*key)
    }

    /// HMAC-SHA-256 of the parts, put together.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// [`SigningKey::sign`] in lower-case hex: the form of signatures on the wire.
    pub fn sign_hex(&self, parts: &[&[u8]]) -> Signature {
        Signature(hex32(&self.sign(parts)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A computed signature: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of digits: always 64.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `claimed` is this signature, in time that does not depend on where they differ.
    pub fn matches(&self, claimed: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.0[..].ct_eq(claimed).into()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

fn keyed(key: &[u8]) -> SigningKey {
    // HMAC takes keys of any length, so there is no error to report.
    match Hmac::new_from_slice(key) {
        Ok(mac) => SigningKey(mac),
        Err(_) => unreachable!("HMAC accepts keys of any length"),
    }
}
