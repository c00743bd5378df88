//! Sign, Verify and GetPublicKey; GenerateMac and VerifyMac.

use bytes::Bytes;
use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::spec::{KeyUsage, MacAlgorithm, MessageType, SigningAlgorithm};
use palisade_keyring::{KeyError, ToSign};
use palisade_model::ApiError;

use crate::api::*;
use crate::keys::Found;
use crate::lifecycle::unsupported;
use crate::material::{self, find_usable};
use crate::metadata::{self, Lists};
use crate::names::invalid;
use crate::{dry_run, grants};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("Sign", sign)
        .on("Verify", verify)
        .on("GetPublicKey", public_key)
        .on("GenerateMac", mac)
        .on("VerifyMac", verify_mac)
}

fn sign(call: &mut Call<'_>, input: SignInput) -> Result<SignOutput, CallError> {
    let key = find_usable(call, "Sign", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = signing_algorithm(&key, "Sign", &input.signing_algorithm)?;
    let message = message(input.message_type.as_deref(), &input.message)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    let signature = material
        .sign(algorithm, message, &mut material::Draw(call.random))
        .map_err(|error| refused(error, algorithm))?;
    Ok(SignOutput {
        key_id: Some(key.arn()),
        signature: Some(signature.into()),
        signing_algorithm: Some(input.signing_algorithm),
    })
}

fn verify(call: &mut Call<'_>, input: VerifyInput) -> Result<VerifyOutput, CallError> {
    let key = find_usable(call, "Verify", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = signing_algorithm(&key, "Verify", &input.signing_algorithm)?;
    let message = message(input.message_type.as_deref(), &input.message)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    material
        .verify(algorithm, message, &input.signature)
        .map_err(|error| refused(error, algorithm))?;
    Ok(VerifyOutput {
        key_id: Some(key.arn()),
        signature_valid: Some(true),
        signing_algorithm: Some(input.signing_algorithm),
    })
}

fn signing_algorithm(
    key: &Found,
    operation: &str,
    name: &str,
) -> Result<SigningAlgorithm, ApiError> {
    key.check_usage(operation, KeyUsage::SignVerify)?;
    let algorithm: SigningAlgorithm = name
        .parse()
        .map_err(|_| unsupported(&format!("SigningAlgorithm {name}")))?;
    if key.spec.signs_with(algorithm) {
        return Ok(algorithm);
    }
    Err(mismatch(key, name))
}

/// An algorithm that is none of the key's (the model's text of InvalidKeyUsageException).
fn mismatch(key: &Found, algorithm: &str) -> ApiError {
    errors::invalid_key_usage_exception(format!(
        "Algorithm {algorithm} is not supported by {} of key spec {}.",
        key.arn(),
        key.spec
    ))
}

fn message<'a>(kind: Option<&str>, message: &'a Bytes) -> Result<ToSign<'a>, ApiError> {
    let kind = kind.unwrap_or(MessageType::Raw.as_str());
    let kind: MessageType = kind
        .parse()
        .map_err(|_| invalid(format!("MessageType {kind} is not known.")))?;
    Ok(ToSign::new(kind, message))
}

fn refused(error: KeyError, algorithm: SigningAlgorithm) -> ApiError {
    match error {
        KeyError::DigestLength { .. } => invalid(format!(
            "Digest is invalid length for algorithm {algorithm}."
        )),
        KeyError::WrongMessageType => invalid(format!(
            "The message type is not valid for algorithm {algorithm}."
        )),
        KeyError::InvalidSignature => errors::kms_invalid_signature_exception(""),
        other => material::failed(other),
    }
}

fn public_key(
    call: &mut Call<'_>,
    input: GetPublicKeyInput,
) -> Result<GetPublicKeyOutput, CallError> {
    let key = find_usable(call, "GetPublicKey", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    if !key.spec.is_asymmetric() {
        return Err(errors::unsupported_operation_exception(format!(
            "{} is not an asymmetric key.",
            key.arn()
        ))
        .into());
    }
    let (_, material) = material::current(call, &key)?;
    let public = material.public_key().map(|public| public.der().to_vec());
    let lists = Lists::of(&key);
    Ok(GetPublicKeyOutput {
        key_id: Some(key.arn()),
        public_key: public.map(Bytes::from),
        customer_master_key_spec: metadata::old_spec(&key),
        key_spec: Some(key.spec.as_str().to_owned()),
        key_usage: Some(key.usage.as_str().to_owned()),
        encryption_algorithms: lists.encryption,
        signing_algorithms: lists.signing,
        key_agreement_algorithms: lists.agreement,
        encapsulation_algorithms: lists.encapsulation,
    })
}

fn mac(call: &mut Call<'_>, input: GenerateMacInput) -> Result<GenerateMacOutput, CallError> {
    let key = find_usable(call, "GenerateMac", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = mac_algorithm(&key, "GenerateMac", &input.mac_algorithm)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    let mac = material
        .mac(algorithm, &input.message)
        .map_err(material::failed)?;
    Ok(GenerateMacOutput {
        mac: Some(mac.into()),
        mac_algorithm: Some(input.mac_algorithm),
        key_id: Some(key.arn()),
    })
}

fn verify_mac(call: &mut Call<'_>, input: VerifyMacInput) -> Result<VerifyMacOutput, CallError> {
    let key = find_usable(call, "VerifyMac", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = mac_algorithm(&key, "VerifyMac", &input.mac_algorithm)?;
    dry_run(input.dry_run)?;
    let (_, material) = material::current(call, &key)?;
    material
        .verify_mac(algorithm, &input.message, &input.mac)
        .map_err(|error| match error {
            KeyError::InvalidMac => errors::kms_invalid_mac_exception(""),
            other => material::failed(other),
        })?;
    Ok(VerifyMacOutput {
        key_id: Some(key.arn()),
        mac_valid: Some(true),
        mac_algorithm: Some(input.mac_algorithm),
    })
}

fn mac_algorithm(key: &Found, operation: &str, name: &str) -> Result<MacAlgorithm, ApiError> {
    key.check_usage(operation, KeyUsage::GenerateVerifyMac)?;
    let algorithm: MacAlgorithm = name
        .parse()
        .map_err(|_| invalid(format!("MacAlgorithm {name} is not known.")))?;
    if key.spec.authenticates_with(algorithm) {
        return Ok(algorithm);
    }
    Err(mismatch(key, name))
}
