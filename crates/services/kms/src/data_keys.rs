//! Data keys and data key pairs, and random bytes.

use bytes::Bytes;
use palisade_core::{Call, CallError, Handlers};
use palisade_keyring::spec::{DataKeySpec, EncryptionAlgorithm, KeySpec, KeyUsage};
use palisade_keyring::{EncryptionContext, Material, Secret};
use palisade_model::{ApiError, OrderedMap};

use crate::api::*;
use crate::encryption::{self, Made};
use crate::keys::Found;
use crate::lifecycle::unsupported;
use crate::material::{self, find_usable};
use crate::names::invalid;
use crate::{dry_run, grants};

/// The longest data key, and the most random bytes of a call.
const BYTES_MAX: i32 = 1024;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("GenerateDataKey", generate)
        .on("GenerateDataKeyWithoutPlaintext", generate_sealed)
        .on("GenerateDataKeyPair", generate_pair)
        .on("GenerateDataKeyPairWithoutPlaintext", generate_sealed_pair)
        .on("GenerateRandom", random)
}

fn generate(
    call: &mut Call<'_>,
    input: GenerateDataKeyInput,
) -> Result<GenerateDataKeyOutput, CallError> {
    if input.recipient.is_some() {
        return Err(unsupported("Recipient").into());
    }
    let asked = Asked {
        operation: "GenerateDataKey",
        key: input.key_id,
        tokens: input.grant_tokens,
        context: input.encryption_context,
        dry_run: input.dry_run,
    };
    let (key, context) = asked.ready(call)?;
    let length = length(input.key_spec.as_deref(), input.number_of_bytes)?;
    dry_run(asked.dry_run)?;
    let plain = draw(call, length);
    let made = asked.seal(call, &key, &context, &plain)?;
    Ok(GenerateDataKeyOutput {
        ciphertext_blob: Some(made.blob),
        plaintext: Some(Bytes::copy_from_slice(plain.expose())),
        key_id: Some(key.arn()),
        ciphertext_for_recipient: None,
        key_material_id: made.material,
    })
}

fn generate_sealed(
    call: &mut Call<'_>,
    input: GenerateDataKeyWithoutPlaintextInput,
) -> Result<GenerateDataKeyWithoutPlaintextOutput, CallError> {
    let asked = Asked {
        operation: "GenerateDataKeyWithoutPlaintext",
        key: input.key_id,
        tokens: input.grant_tokens,
        context: input.encryption_context,
        dry_run: input.dry_run,
    };
    let (key, context) = asked.ready(call)?;
    let length = length(input.key_spec.as_deref(), input.number_of_bytes)?;
    dry_run(asked.dry_run)?;
    let plain = draw(call, length);
    let made = asked.seal(call, &key, &context, &plain)?;
    Ok(GenerateDataKeyWithoutPlaintextOutput {
        ciphertext_blob: Some(made.blob),
        key_id: Some(key.arn()),
        key_material_id: made.material,
    })
}

fn generate_pair(
    call: &mut Call<'_>,
    input: GenerateDataKeyPairInput,
) -> Result<GenerateDataKeyPairOutput, CallError> {
    if input.recipient.is_some() {
        return Err(unsupported("Recipient").into());
    }
    let asked = Asked {
        operation: "GenerateDataKeyPair",
        key: input.key_id,
        tokens: input.grant_tokens,
        context: input.encryption_context,
        dry_run: input.dry_run,
    };
    let pair = asked.pair(call, &input.key_pair_spec)?;
    Ok(GenerateDataKeyPairOutput {
        private_key_ciphertext_blob: Some(pair.made.blob),
        private_key_plaintext: Some(Bytes::copy_from_slice(pair.private.expose())),
        public_key: Some(pair.public),
        key_id: Some(pair.key.arn()),
        key_pair_spec: Some(input.key_pair_spec),
        ciphertext_for_recipient: None,
        key_material_id: pair.made.material,
    })
}

fn generate_sealed_pair(
    call: &mut Call<'_>,
    input: GenerateDataKeyPairWithoutPlaintextInput,
) -> Result<GenerateDataKeyPairWithoutPlaintextOutput, CallError> {
    let asked = Asked {
        operation: "GenerateDataKeyPairWithoutPlaintext",
        key: input.key_id,
        tokens: input.grant_tokens,
        context: input.encryption_context,
        dry_run: input.dry_run,
    };
    let pair = asked.pair(call, &input.key_pair_spec)?;
    Ok(GenerateDataKeyPairWithoutPlaintextOutput {
        private_key_ciphertext_blob: Some(pair.made.blob),
        public_key: Some(pair.public),
        key_id: Some(pair.key.arn()),
        key_pair_spec: Some(input.key_pair_spec),
        key_material_id: pair.made.material,
    })
}

fn random(
    call: &mut Call<'_>,
    input: GenerateRandomInput,
) -> Result<GenerateRandomOutput, CallError> {
    if input.recipient.is_some() {
        return Err(unsupported("Recipient").into());
    }
    if input.custom_key_store_id.is_some() {
        return Err(unsupported("CustomKeyStoreId").into());
    }
    let Some(count) = input.number_of_bytes else {
        return Err(invalid("NumberOfBytes is required.").into());
    };
    let bytes = draw(call, in_range(count)?);
    Ok(GenerateRandomOutput {
        plaintext: Some(Bytes::copy_from_slice(bytes.expose())),
        ciphertext_for_recipient: None,
    })
}

/// What the four operations have in common.
struct Asked {
    operation: &'static str,
    key: String,
    tokens: Option<Vec<String>>,
    context: Option<OrderedMap<String>>,
    dry_run: Option<bool>,
}

/// A data key pair.
struct Pair {
    key: Found,
    public: Bytes,
    private: Secret,
    made: Made,
}

impl Asked {
    /// The key, if it can be used so.
    fn ready(&self, call: &mut Call<'_>) -> Result<(Found, EncryptionContext), CallError> {
        let key = find_usable(call, self.operation, &self.key)?;
        grants::check_tokens(call, self.tokens.as_deref())?;
        key.check_usage(self.operation, KeyUsage::EncryptDecrypt)?;
        if !key.is_symmetric_encryption() {
            return Err(errors::invalid_key_usage_exception(format!(
                "{} key spec is {} which is not valid for {}.",
                key.arn(),
                key.spec,
                self.operation
            ))
            .into());
        }
        let context = encryption::context(&key, self.context.clone())?;
        Ok((key, context))
    }

    fn seal(
        &self,
        call: &mut Call<'_>,
        key: &Found,
        context: &EncryptionContext,
        plain: &Secret,
    ) -> Result<Made, CallError> {
        let algorithm = EncryptionAlgorithm::SymmetricDefault;
        let made = encryption::seal(call, key, algorithm, context, plain.expose())?;
        if let Some(material) = &made.material {
            material::note(call, material);
        }
        Ok(made)
    }

    fn pair(&self, call: &mut Call<'_>, spec: &str) -> Result<Pair, CallError> {
        let (key, context) = self.ready(call)?;
        let kind: KeySpec = spec
            .parse()
            .ok()
            .filter(|kind: &KeySpec| kind.is_data_key_pair())
            .ok_or_else(|| unsupported(&format!("KeyPairSpec {spec}")))?;
        dry_run(self.dry_run)?;
        let material = if material::is_costly(kind) {
            call.made
                .costly("kms.data-key-pair", move || material::generated(kind))?
        } else {
            let random = &mut call.random;
            call.made.once("kms.data-key-pair", || {
                Material::generate(kind, &mut material::Draw(&mut **random))
                    .map_err(material::failed)
            })?
        };
        let private = material.private_key_pkcs8().map_err(material::failed)?;
        let public = material.public_key().map(|public| public.der().to_vec());
        let made = self.seal(call, &key, &context, &private)?;
        Ok(Pair {
            key,
            public: public.unwrap_or_default().into(),
            private,
            made,
        })
    }
}

/// How long the data key is to be: as `KeySpec` or `NumberOfBytes` says, one of them.
fn length(spec: Option<&str>, bytes: Option<i32>) -> Result<usize, ApiError> {
    match (spec, bytes) {
        (Some(spec), None) => {
            let spec: Result<DataKeySpec, _> = spec.parse();
            spec.map(DataKeySpec::len)
                .map_err(|_| invalid("KeySpec is not known."))
        }
        (None, Some(bytes)) => in_range(bytes),
        _ => Err(invalid(
            "Please specify either number of bytes or key spec.",
        )),
    }
}

fn in_range(bytes: i32) -> Result<usize, ApiError> {
    usize::try_from(bytes)
        .ok()
        .filter(|_| (1..=BYTES_MAX).contains(&bytes))
        .ok_or_else(|| invalid(format!("NumberOfBytes must be between 1 and {BYTES_MAX}.")))
}

fn draw(call: &mut Call<'_>, length: usize) -> Secret {
    let mut bytes = vec![0; length];
    call.random.fill(&mut bytes);
    Secret::from(bytes)
}
