//! Shared secrets: DeriveSharedSecret, Encapsulate and Decapsulate.

use bytes::Bytes;
use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::KeyError;
use palisade_keyring::spec::{EncapsulationAlgorithm, KeyAgreementAlgorithm, KeyUsage};

use crate::api::*;
use crate::keys::Found;
use crate::lifecycle::unsupported;
use crate::material::{self, find_usable};
use crate::names::invalid;
use crate::{dry_run, grants};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("DeriveSharedSecret", derive)
        .on("Encapsulate", encapsulate)
        .on("Decapsulate", decapsulate)
}

fn derive(
    call: &mut Call<'_>,
    input: DeriveSharedSecretInput,
) -> Result<DeriveSharedSecretOutput, CallError> {
    if input.recipient.is_some() {
        return Err(unsupported("Recipient").into());
    }
    let key = find_usable(call, "DeriveSharedSecret", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    key.check_usage("DeriveSharedSecret", KeyUsage::KeyAgreement)?;
    let name = &input.key_agreement_algorithm;
    let algorithm: KeyAgreementAlgorithm = name
        .parse()
        .map_err(|_| invalid(format!("KeyAgreementAlgorithm {name} is not known.")))?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    let secret = material
        .agree(algorithm, &input.public_key)
        .map_err(|error| match error {
            KeyError::InvalidPublicKey => invalid("The public key is not valid for this key."),
            other => material::failed(other),
        })?;
    Ok(DeriveSharedSecretOutput {
        key_id: Some(key.arn()),
        shared_secret: Some(Bytes::copy_from_slice(secret.expose())),
        ciphertext_for_recipient: None,
        key_agreement_algorithm: Some(input.key_agreement_algorithm),
        key_origin: Some(key.ring.origin.as_str().to_owned()),
    })
}

fn encapsulate(
    call: &mut Call<'_>,
    input: EncapsulateInput,
) -> Result<EncapsulateOutput, CallError> {
    let key = find_usable(call, "Encapsulate", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = encapsulation(&key, "Encapsulate", &input.encapsulation_algorithm)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    let (ciphertext, secret) = material.encapsulate(algorithm).map_err(material::failed)?;
    Ok(EncapsulateOutput {
        key_id: Some(key.arn()),
        shared_secret: Some(Bytes::copy_from_slice(secret.expose())),
        shared_secret_ciphertext_blob: Some(ciphertext.into()),
        encapsulation_algorithm: Some(input.encapsulation_algorithm),
    })
}

fn decapsulate(
    call: &mut Call<'_>,
    input: DecapsulateInput,
) -> Result<DecapsulateOutput, CallError> {
    let key = find_usable(call, "Decapsulate", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = encapsulation(&key, "Decapsulate", &input.encapsulation_algorithm)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    let secret = material
        .decapsulate(algorithm, &input.shared_secret_ciphertext_blob)
        .map_err(|error| match error {
            KeyError::InvalidCiphertext => errors::invalid_ciphertext_exception(""),
            other => material::failed(other),
        })?;
    Ok(DecapsulateOutput {
        key_id: Some(key.arn()),
        shared_secret: Some(Bytes::copy_from_slice(secret.expose())),
        encapsulation_algorithm: Some(input.encapsulation_algorithm),
    })
}

fn encapsulation(
    key: &Found,
    operation: &str,
    name: &str,
) -> Result<EncapsulationAlgorithm, CallError> {
    key.check_usage(operation, KeyUsage::EncapsulateDecapsulate)?;
    let algorithm = name
        .parse()
        .map_err(|_| invalid(format!("EncapsulationAlgorithm {name} is not known.")))?;
    Ok(algorithm)
}
