//! Encrypt, Decrypt, ReEncrypt.

use bytes::Bytes;
use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::spec::{EncryptionAlgorithm, KeyUsage};
use palisade_keyring::{Blob, EncryptionContext, KeyError, Secret};
use palisade_model::{ApiError, OrderedMap};

use crate::api::*;
use crate::keys::{By, Found, Lookup, lookup};
use crate::lifecycle::unsupported;
use crate::material::{self, find_usable};
use crate::names::{arn, invalid};
use crate::{dry_run, grants};

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("Encrypt", encrypt)
        .on("Decrypt", decrypt)
        .on("ReEncrypt", reencrypt)
}

fn encrypt(call: &mut Call<'_>, input: EncryptInput) -> Result<EncryptOutput, CallError> {
    let key = find_usable(call, "Encrypt", &input.key_id)?;
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let algorithm = algorithm(input.encryption_algorithm.as_deref())?;
    check_algorithm(&key, "Encrypt", algorithm)?;
    let context = context(&key, input.encryption_context)?;
    dry_run(input.dry_run)?;
    let sealed = seal(call, &key, algorithm, &context, &input.plaintext)?;
    if let Some(material) = &sealed.material {
        material::note(call, material);
    }
    Ok(EncryptOutput {
        ciphertext_blob: Some(sealed.blob),
        key_id: Some(key.arn()),
        encryption_algorithm: Some(algorithm.as_str().to_owned()),
    })
}

fn decrypt(call: &mut Call<'_>, input: DecryptInput) -> Result<DecryptOutput, CallError> {
    if input.recipient.is_some() {
        return Err(unsupported("Recipient").into());
    }
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let asked = Sealed {
        blob: input.ciphertext_blob,
        key: input.key_id,
        algorithm: algorithm(input.encryption_algorithm.as_deref())?,
        context: input.encryption_context,
    };
    let without = ignores_ciphertext(input.dry_run, input.dry_run_modifiers.as_deref());
    let opening = asked.find(call, "Decrypt", without)?;
    let opened = opening.open(call, &asked)?;
    dry_run(input.dry_run)?;
    let Some((plain, material)) = opened else {
        return Err(invalid("CiphertextBlob is required.").into());
    };
    if let Some(material) = &material {
        material::note(call, material);
    }
    Ok(DecryptOutput {
        key_id: Some(opening.key.arn()),
        plaintext: Some(Bytes::copy_from_slice(plain.expose())),
        encryption_algorithm: Some(asked.algorithm.as_str().to_owned()),
        ciphertext_for_recipient: None,
        key_material_id: material,
    })
}

fn reencrypt(call: &mut Call<'_>, input: ReEncryptInput) -> Result<ReEncryptOutput, CallError> {
    grants::check_tokens(call, input.grant_tokens.as_deref())?;
    let asked = Sealed {
        blob: input.ciphertext_blob,
        key: input.source_key_id,
        algorithm: algorithm(input.source_encryption_algorithm.as_deref())?,
        context: input.source_encryption_context,
    };
    let without = ignores_ciphertext(input.dry_run, input.dry_run_modifiers.as_deref());
    let source = asked.find(call, "ReEncrypt", without)?;
    let destination = find_usable(call, "ReEncrypt", &input.destination_key_id)?;
    let algorithm = algorithm(input.destination_encryption_algorithm.as_deref())?;
    check_algorithm(&destination, "ReEncrypt", algorithm)?;
    let context = context(&destination, input.destination_encryption_context)?;
    let opened = source.open(call, &asked)?;
    dry_run(input.dry_run)?;
    let Some((plain, source_material)) = opened else {
        return Err(invalid("CiphertextBlob is required.").into());
    };
    let sealed = seal(call, &destination, algorithm, &context, plain.expose())?;
    if let Some(material) = &source_material {
        material::note_both(call, material, sealed.material.as_deref());
    }
    Ok(ReEncryptOutput {
        ciphertext_blob: Some(sealed.blob),
        source_key_id: Some(source.key.arn()),
        key_id: Some(destination.arn()),
        source_encryption_algorithm: Some(asked.algorithm.as_str().to_owned()),
        destination_encryption_algorithm: Some(algorithm.as_str().to_owned()),
        source_key_material_id: source_material,
        destination_key_material_id: sealed.material,
    })
}

/// Whether only permissions are to be looked at.
fn ignores_ciphertext(dry: Option<bool>, modifiers: Option<&[String]>) -> bool {
    let modifiers = modifiers.unwrap_or_default();
    dry == Some(true) && modifiers.iter().any(|one| one == "IGNORE_CIPHERTEXT")
}

/// What is to be opened, as a request gives it.
struct Sealed {
    blob: Option<Bytes>,
    key: Option<String>,
    algorithm: EncryptionAlgorithm,
    context: Option<OrderedMap<String>>,
}

/// The key that opens it.
struct Opening {
    key: Found,
    /// Nothing is to be opened: only whether it might be.
    without: bool,
}

impl Sealed {
    /// The key: the one that is named, else the one that a symmetric ciphertext names itself.
    fn find(
        &self,
        call: &mut Call<'_>,
        operation: &'static str,
        without: bool,
    ) -> Result<Opening, CallError> {
        let is_symmetric = self.algorithm == EncryptionAlgorithm::SymmetricDefault;
        let key = match &self.key {
            Some(id) => {
                if is_symmetric && !without {
                    self.check_same_key(call, id)?;
                }
                find_usable(call, operation, id)?
            }
            None if is_symmetric => self.find_by_blob(call, operation)?,
            None => {
                return Err(invalid(
                    "KeyId is required for decryption with an asymmetric KMS key.",
                )
                .into());
            }
        };
        check_algorithm(&key, operation, self.algorithm)?;
        Ok(Opening { key, without })
    }

    /// The key that is named must be the one the ciphertext is of.
    fn check_same_key(&self, call: &mut Call<'_>, id: &str) -> Result<(), CallError> {
        let Lookup::Found { key, .. } = lookup(call, id, By::KeyOrAlias)? else {
            return Ok(()); // that it is missing is said where it is looked for
        };
        if !key.is_symmetric_encryption() {
            return Ok(());
        }
        let blob = parse(self.blob.as_ref())?;
        let name = &blob.header().key;
        let same_region = name.region().is_none_or(|region| region == key.region);
        if name.key_id() == key.id && name.account() == key.account.as_str() && same_region {
            return Ok(());
        }
        key.touch(call);
        // The message is AWS's (KMS Developer Guide, "Decrypt failure" among the examples of log entries).
        let message =
            "The key ID in the request does not identify a CMK that can perform this operation.";
        Err(errors::incorrect_key_exception(message).into())
    }

    fn find_by_blob(
        &self,
        call: &mut Call<'_>,
        operation: &'static str,
    ) -> Result<Found, CallError> {
        let blob = parse(self.blob.as_ref())?;
        let name = &blob.header().key;
        let own = call.context.region.clone();
        let region = name.region().unwrap_or(own.as_str());
        let arn = arn(region, &name.account(), &format!("key/{}", name.key_id()));
        if region != own.as_str() {
            return Err(not_accessible().into());
        }
        match lookup(call, &arn, By::Key)? {
            Lookup::Missing { .. } => Err(not_accessible().into()),
            Lookup::Found { .. } => find_usable(call, operation, &arn),
        }
    }
}

impl Opening {
    /// The plain text, and for a symmetric key the material that opened it.
    fn open(
        &self,
        call: &mut Call<'_>,
        asked: &Sealed,
    ) -> Result<Option<(Secret, Option<String>)>, CallError> {
        let context = context(&self.key, asked.context.clone())?;
        if self.without {
            return Ok(None);
        }
        let bytes = asked.blob.as_ref().ok_or_else(invalid_ciphertext)?;
        if asked.algorithm != EncryptionAlgorithm::SymmetricDefault {
            let (_, material) = material::current(call, &self.key)?;
            let plain = material
                .decrypt(asked.algorithm, bytes)
                .map_err(|_| invalid_ciphertext())?;
            return Ok(Some((plain, None)));
        }
        let blob = parse(Some(bytes))?;
        let id = blob.header().material.to_string();
        let known = self.key.ring.materials.iter().find(|one| one.id == id);
        let version = known.ok_or_else(invalid_ciphertext)?.clone();
        let material = material::open(call, &self.key, &version)?;
        let derivation = material::derivation(&material)?;
        let plain = blob
            .open(&derivation, &context)
            .map_err(|_| invalid_ciphertext())?;
        Ok(Some((plain, Some(id))))
    }
}

/// A ciphertext, and the material it was made with, for a symmetric key.
pub(crate) struct Made {
    pub blob: Bytes,
    pub material: Option<String>,
}

/// Encrypts under the current material.
pub(crate) fn seal(
    call: &mut Call<'_>,
    key: &Found,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    plain: &[u8],
) -> Result<Made, CallError> {
    let (version, material) = material::current(call, key)?;
    if algorithm != EncryptionAlgorithm::SymmetricDefault {
        let blob = material.encrypt(algorithm, plain).map_err(|error| match error {
            KeyError::MessageTooLong { limit } => invalid(format!(
                "Algorithm {algorithm} and key spec {} cannot encrypt data larger than {limit} bytes.",
                key.spec
            )),
            other => material::failed(other),
        })?;
        return Ok(Made {
            blob: blob.into(),
            material: None,
        });
    }
    let header = material::header(key, &version)?;
    let derivation = material::derivation(&material)?;
    let mut random = material::Draw(call.random);
    let blob = header
        .seal(&derivation, context, plain, &mut random)
        .map_err(|error| invalid(error.to_string()))?;
    Ok(Made {
        blob: blob.into(),
        material: Some(version.id),
    })
}

fn parse(blob: Option<&Bytes>) -> Result<Blob<'_>, ApiError> {
    let blob = blob.ok_or_else(|| invalid("CiphertextBlob is required."))?;
    Blob::parse(blob).map_err(|_| invalid_ciphertext())
}

/// Says nothing of why.
fn invalid_ciphertext() -> ApiError {
    errors::invalid_ciphertext_exception("")
}

/// A ciphertext of a key that is not there, or not here: said as to somebody who may not use it.
fn not_accessible() -> ApiError {
    ApiError::sender(
        "AccessDeniedException",
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
    )
}

/// The encryption algorithm a request names, or the default.
fn algorithm(name: Option<&str>) -> Result<EncryptionAlgorithm, ApiError> {
    let name = name.unwrap_or(EncryptionAlgorithm::SymmetricDefault.as_str());
    name.parse()
        .map_err(|_| unsupported(&format!("EncryptionAlgorithm {name}")))
}

fn check_algorithm(
    key: &Found,
    operation: &str,
    algorithm: EncryptionAlgorithm,
) -> Result<(), ApiError> {
    key.check_usage(operation, KeyUsage::EncryptDecrypt)?;
    if key.spec.encrypts_with(algorithm) {
        return Ok(());
    }
    Err(errors::invalid_key_usage_exception(format!(
        "Algorithm {algorithm} is not supported by {} of key spec {}.",
        key.arn(),
        key.spec
    )))
}

/// The encryption context of a request; asymmetric keys take none. Names of condition keys know no case, so of two keys that differ in
/// case alone a policy could not say which it means: a Deny of one would be gone round by the other.
pub(crate) fn context(
    key: &Found,
    given: Option<OrderedMap<String>>,
) -> Result<EncryptionContext, ApiError> {
    let pairs = given.map(|given| given.0).unwrap_or_default();
    if !key.is_symmetric_encryption() && !pairs.is_empty() {
        return Err(invalid(
            "Invalid encryption context: asymmetric keys do not support one.",
        ));
    }
    check_spellings(&pairs)?;
    EncryptionContext::new(pairs)
        .map_err(|error| invalid(format!("Invalid encryption context: {error}")))
}

/// Each key of a context, or of a grant's constraint, in one spelling.
pub(crate) fn check_spellings(pairs: &[(String, String)]) -> Result<(), ApiError> {
    let mut keys: Vec<String> = pairs.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort_unstable();
    if keys.windows(2).all(|two| two[0] != two[1]) {
        return Ok(());
    }
    Err(invalid(
        "Invalid encryption context: keys that differ in case alone are not supported.",
    ))
}
