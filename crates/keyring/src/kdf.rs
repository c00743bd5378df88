//! The key derivation function: NIST SP 800-108r1, counter mode, HMAC-SHA-256 as its pseudorandom function.
//!
//! Block `i` of an output is `HMAC(key, i ‖ label ‖ 0 ‖ context ‖ bits)`, with the counter before the fixed input and both the
//! counter and the output's length in bits as 32-bit big-endian numbers (section 4.1 and, for the fixed input, section 4 of the
//! standard). Labels keep what is derived for one purpose apart from what is derived for another.

use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroizing;

use crate::Random;

/// A key of 256 bits that is used for nothing but deriving others from it.
///
/// Without `Debug`, `Clone` and `Serialize`, and overwritten when dropped.
pub struct DerivationKey(Zeroizing<[u8; 32]>);

impl DerivationKey {
    /// Takes a key over.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A fresh key.
    pub fn generate(random: &mut dyn Random) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        Self(key)
    }

    /// The output of `N` bytes for a label and a context.
    #[must_use]
    pub fn derive<const N: usize>(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; N]> {
        derive(&*self.0, label, context)
    }

    /// The key itself, to be wrapped.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// [`DerivationKey::derive`] from a secret of any length, such as a private key.
pub(crate) fn derive<const N: usize>(
    secret: &[u8],
    label: &str,
    context: &[u8],
) -> Zeroizing<[u8; N]> {
    let mut info = Vec::with_capacity(label.len() + context.len() + 5);
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    info.extend_from_slice(context);
    info.extend_from_slice(&output_bits::<N>().to_be_bytes());
    let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256)
        .expect("HMAC-SHA-256 is built in");
    let mut out = Zeroizing::new([0; N]);
    // Refused are only an empty secret, an empty output and one beyond the counter.
    kbkdf_ctr_hmac(algorithm, secret, &info, &mut *out).expect("secret and output have bytes");
    out
}

fn output_bits<const N: usize>() -> u32 {
    const { assert!(N > 0 && N <= 1024, "outputs are keys and ids") };
    u32::try_from(N * 8).expect("checked above")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;

    /// The standard's formula, written down once more over HMAC alone.
    fn by_formula(key: &[u8], label: &str, context: &[u8], bytes: usize) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut out = Vec::new();
        for counter in 1_u32.. {
            let mut mac = hmac::Context::with_key(&key);
            mac.update(&counter.to_be_bytes());
            mac.update(label.as_bytes());
            mac.update(&[0]);
            mac.update(context);
            mac.update(&(bytes as u32 * 8).to_be_bytes());
            out.extend_from_slice(mac.sign().as_ref());
            if out.len() >= bytes {
                out.truncate(bytes);
                return out;
            }
        }
        out
    }

    #[test]
    fn an_output_is_that_of_the_standards_formula() {
        let key = DerivationKey::new(Zeroizing::new([7; 32]));
        let context = [9; 16];
        assert_eq!(
            key.derive::<32>("label", &context)[..],
            by_formula(&[7; 32], "label", &context, 32)
        );
        assert_eq!(
            key.derive::<12>("label", &context)[..],
            by_formula(&[7; 32], "label", &context, 12)
        );
        assert_eq!(
            key.derive::<80>("label", b"")[..],
            by_formula(&[7; 32], "label", b"", 80)
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
