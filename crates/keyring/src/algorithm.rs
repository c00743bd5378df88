//! What can be done with each kind of key: one module a family, and what they share.

pub(crate) mod ec;
pub(crate) mod ed25519;
pub(crate) mod hmac;
pub(crate) mod mldsa;
pub(crate) mod mlkem;
pub(crate) mod rsa;

use aws_lc_rs::digest::{Algorithm, Digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};

use crate::KeyError;
use crate::spec::MessageType;

/// What is to be signed, or has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSign<'a> {
    /// A message, to be hashed.
    Raw(&'a [u8]),
    /// The hash of a message.
    Digest(&'a [u8]),
    /// ML-DSA's μ of a message and a public key, 64 bytes.
    ExternalMu(&'a [u8]),
}

impl<'a> ToSign<'a> {
    /// `message` as what `kind` says it is.
    #[must_use]
    pub const fn new(kind: MessageType, message: &'a [u8]) -> Self {
        match kind {
            MessageType::Raw => Self::Raw(message),
            MessageType::Digest => Self::Digest(message),
            MessageType::ExternalMu => Self::ExternalMu(message),
        }
    }
}

/// A digest made elsewhere, if it is as long as one of `algorithm`.
fn digest_of(digest: &[u8], algorithm: &'static Algorithm) -> Result<Digest, KeyError> {
    let expected = algorithm.output_len();
    Digest::import_less_safe(digest, algorithm).map_err(|_| KeyError::DigestLength { expected })
}

/// A public key as DER SubjectPublicKeyInfo.
fn public_der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, KeyError> {
    let der = key.as_der().map_err(|_| KeyError::Internal)?;
    Ok(der.as_ref().to_vec())
}
