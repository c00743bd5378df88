//! What can go wrong with a key.

/// Why a key could not be made, read or used. Nothing in it tells a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is of another kind than the operation or the algorithm needs.
    #[error("the algorithm is not one of this kind of key")]
    WrongAlgorithm,
    /// The algorithm does not take messages of this type.
    #[error("the algorithm does not take messages of this type")]
    WrongMessageType,
    /// A digest, or μ, of another length than the algorithm's.
    #[error("the digest must be {expected} bytes long")]
    DigestLength {
        /// The length in bytes that fits.
        expected: usize,
    },
    /// A message longer than the key and algorithm can encrypt.
    #[error("the message must not be longer than {limit} bytes")]
    MessageTooLong {
        /// The greatest length in bytes.
        limit: usize,
    },
    /// The signature is not this key's of this message.
    #[error("the signature is not valid")]
    InvalidSignature,
    /// The MAC is not this key's of this message.
    #[error("the MAC is not valid")]
    InvalidMac,
    /// The ciphertext was not made for this key, or was altered. No more is said, on purpose.
    #[error("the ciphertext is not valid")]
    InvalidCiphertext,
    /// The other side's public key is not one, or not on this key's curve.
    #[error("the public key is not valid")]
    InvalidPublicKey,
    /// The bytes are no key of the kind asked for.
    #[error("the key material is not valid for this kind of key")]
    InvalidMaterial,
    /// The key could not be made, or used, for no reason that lies in what was given.
    #[error("the cryptographic library failed")]
    Internal,
}

impl KeyError {
    /// A stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongMessageType => "wrong_message_type",
            Self::DigestLength { .. } => "digest_length",
            Self::MessageTooLong { .. } => "message_too_long",
            Self::InvalidSignature => "invalid_signature",
            Self::InvalidMac => "invalid_mac",
            Self::InvalidCiphertext => "invalid_ciphertext",
            Self::InvalidPublicKey => "invalid_public_key",
            Self::InvalidMaterial => "invalid_material",
            Self::Internal => "internal",
        }
    }
}
