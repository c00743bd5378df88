//! The key derivation function: NIST SP 800-108r1, counter mode, HMAC-SHA-256 as its pseudorandom function.
//!
//! Block `i` of an output is `HMAC(key, i ‖ label ‖ 0 ‖ context ‖ bits)`, with the counter before the fixed input and both the
//! counter and the output's length in bits as 32-bit big-endian numbers (section 4.1 and, for the fixed input, section 4 of the
//! standard). Labels keep what is derived for one purpose apart from what is derived for another.

use hmac_zeroizing::{Hmac, KeyInit as _, Mac as _};
use sha2_zeroizing::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::Random;

/// What one block of HMAC-SHA-256 gives, in bytes.
const OUTPUT_BYTES: usize = 32;

/// A key of 256 bits that is used for nothing but deriving others from it.
///
/// Without `Debug`, `Clone` and `Serialize`, and overwritten when dropped, as are its outputs. HMAC's two key blocks are hashed
/// when it is made, so one that is kept ready derives twice as fast.
pub struct DerivationKey {
    key: Zeroizing<[u8; 32]>,
    ready: Hmac<Sha256>,
}

impl DerivationKey {
    /// Takes a key over.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let ready = keyed(&*key);
        Self { key, ready }
    }

    /// A fresh key.
    pub fn generate(random: &mut dyn Random) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        Self::new(key)
    }

    /// The output of `N` bytes for a label and a context.
    #[must_use]
    pub fn derive<const N: usize>(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; N]> {
        let mut out = Zeroizing::new([0; N]);
        derive_with(&self.ready, label, context, &mut *out);
        out
    }

    /// The key itself, to be wrapped.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.key
    }
}

/// [`DerivationKey::derive`] from a secret of any length, such as a private key.
pub(crate) fn derive<const N: usize>(
    secret: &[u8],
    label: &str,
    context: &[u8],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    derive_with(&keyed(secret), label, context, &mut *out);
    out
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes keys of any length")
}

fn derive_with(key: &Hmac<Sha256>, label: &str, context: &[u8], out: &mut [u8]) {
    let bits = u32::try_from(out.len() * 8).expect("outputs are keys and ids");
    for (counter, part) in (1_u32..).zip(out.chunks_mut(OUTPUT_BYTES)) {
        let mut mac = key.clone();
        for field in [&counter.to_be_bytes(), label.as_bytes(), &[0], context] {
            mac.update(field);
        }
        mac.update(&bits.to_be_bytes());
        let mut block = mac.finalize().into_bytes();
        part.copy_from_slice(&block[..part.len()]);
        block.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};

    use super::*;

    /// The same by the library's own implementation of the standard.
    fn by_the_library(key: &[u8], label: &str, context: &[u8], bytes: usize) -> Vec<u8> {
        let bits = (bytes as u32 * 8).to_be_bytes();
        let info = [label.as_bytes(), &[0], context, &bits].concat();
        let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).unwrap();
        let mut out = vec![0; bytes];
        kbkdf_ctr_hmac(algorithm, key, &info, &mut out).unwrap();
        out
    }

    #[test]
    fn an_output_is_that_of_the_libraries_implementation() {
        let key = DerivationKey::new(Zeroizing::new([7; 32]));
        let context = [9; 16];
        assert_eq!(
            key.derive::<32>("label", &context)[..],
            by_the_library(&[7; 32], "label", &context, 32)
        );
        assert_eq!(
            key.derive::<12>("label", &context)[..],
            by_the_library(&[7; 32], "label", &context, 12)
        );
        assert_eq!(
            key.derive::<80>("label", b"")[..],
            by_the_library(&[7; 32], "label", b"", 80)
        );
        let long = [7; 200];
        assert_eq!(
            derive::<32>(&long, "label", b"c")[..],
            by_the_library(&long, "label", b"c", 32)
        );
    }

    #[test]
    fn label_context_and_length_each_make_another_output() {
        let key = DerivationKey::new(Zeroizing::new([7; 32]));
        let first = key.derive::<32>("a", b"b");
        assert_ne!(first, key.derive::<32>("a", b"c"));
        assert_ne!(first, key.derive::<32>("c", b"b"));
        assert_ne!(first[..12], key.derive::<12>("a", b"b")[..]);
        assert_ne!(
            first,
            DerivationKey::new(Zeroizing::new([8; 32])).derive("a", b"b")
        );
    }
}
