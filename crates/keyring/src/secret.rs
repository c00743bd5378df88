//! Bytes that are nobody's business.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret bytes: overwritten when dropped, and without `Debug`, `Clone` or `Serialize`, so that
/// they end neither in a log nor in a file by oversight.
///
/// ```compile_fail
/// let secret = palisade_keyring::Secret::from(vec![1]);
/// println!("{secret:?}");
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes themselves. Whoever calls this keeps no copy longer than needed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these are the bytes, in a time that says nothing about where they differ.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }
}

/// A copy of `bytes` that is filled where it will stay, so that no move leaves one behind; none if
/// there are not exactly `N`.
pub(crate) fn kept<const N: usize>(bytes: &[u8]) -> Option<Box<Zeroizing<[u8; N]>>> {
    let mut kept = Box::new(Zeroizing::new([0; N]));
    (bytes.len() == N).then(|| kept.copy_from_slice(bytes))?;
    Some(kept)
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_same_bytes_only() {
        let secret = Secret::from(vec![1, 2, 3]);
        assert!(secret.matches(&[1, 2, 3]));
        assert!(!secret.matches(&[1, 2, 4]));
        assert!(!secret.matches(&[1, 2]));
        assert_eq!((secret.len(), secret.is_empty()), (3, false));
    }
}
