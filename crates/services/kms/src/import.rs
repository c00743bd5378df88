//! Imported material: brought in encrypted, deleted, and brought in again.
//!
//! Source: KMS Developer Guide, "Importing key material"; the model's text.

use bytes::Bytes;
use palisade_core::{Call, CallError, Handlers, Region, Sealed};
use palisade_keyring::spec::{WrappingAlgorithm, WrappingKeySpec};
use palisade_keyring::{KeyError, Material, WrappingKey, import};
use palisade_model::{ApiError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::*;
use crate::keys::{By, Found, damaged, find};
use crate::lifecycle::unsupported;
use crate::material;
use crate::names::invalid;
use crate::rotation::DAY_MS;
use crate::tables::{Imported, KEYS, Key, MATERIALS, Ring, Rotated, Version};
use crate::{destroyed, timers};

const TOKEN_PURPOSE: &str = "kms-import-token";
/// How long a wrapping key and its token count.
const TOKEN_MS: i64 = DAY_MS;
/// The latest that a material may expire.
const EXPIRY_DAYS_MAX: i64 = 365;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("GetParametersForImport", parameters)
        .on("ImportKeyMaterial", bring)
        .on("DeleteImportedKeyMaterial", delete)
}

/// What a token says, before the private key that it holds: nothing is stored until material comes.
#[derive(Serialize, Deserialize)]
struct Token {
    spec: String,
    algorithm: String,
    until_ms: i64,
}

fn parameters(
    call: &mut Call<'_>,
    input: GetParametersForImportInput,
) -> Result<GetParametersForImportOutput, CallError> {
    let found = find(call, "GetParametersForImport", &input.key_id, By::Key)?;
    let algorithm: WrappingAlgorithm = input
        .wrapping_algorithm
        .parse()
        .map_err(|_| unsupported(&format!("WrappingAlgorithm {}", input.wrapping_algorithm)))?;
    let spec: WrappingKeySpec = input
        .wrapping_key_spec
        .parse()
        .map_err(|_| unsupported(&format!("WrappingKeySpec {}", input.wrapping_key_spec)))?;
    import::check(found.spec, spec, algorithm).map_err(|_| {
        invalid(format!(
            "Key material of {} cannot be imported with {algorithm} and {spec}.",
            found.spec
        ))
    })?;
    let wrapping = call.made.costly("kms.wrapping-key", move || {
        WrappingKey::generate(spec).map_err(material::failed)
    })?;
    let until_ms = call.now_ms() + TOKEN_MS;
    let token = Token {
        spec: spec.as_str().to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        until_ms,
    };
    let token = seal(call, &found, &token, &wrapping)?;
    Ok(GetParametersForImportOutput {
        key_id: Some(found.arn()),
        import_token: Some(token),
        public_key: Some(Bytes::copy_from_slice(wrapping.public_key().der())),
        parameters_valid_to: Timestamp::from_millis(until_ms),
    })
}

/// A token: sealed for its key, with the private half of the wrapping key inside.
fn seal(
    call: &mut Call<'_>,
    found: &Found,
    token: &Token,
    wrapping: &WrappingKey,
) -> Result<Bytes, ApiError> {
    let secret = wrapping.to_secret_bytes().map_err(material::failed)?;
    let head = serde_json::to_vec(token).map_err(|error| damaged(&error.to_string()))?;
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(head.len() + 1 + secret.len()));
    plain.extend_from_slice(&head);
    plain.push(b'\n');
    plain.extend_from_slice(secret.expose());
    let sealed = call
        .env
        .seal
        .seal(TOKEN_PURPOSE, &found.arn(), &plain, call.random);
    Ok(Bytes::copy_from_slice(sealed.as_bytes()))
}

/// The wrapping key of a token, and how material is wrapped to it.
fn open(
    call: &Call<'_>,
    found: &Found,
    token: &Bytes,
) -> Result<(WrappingKey, WrappingAlgorithm), ApiError> {
    let wrong = || errors::invalid_import_token_exception("Invalid import token");
    let sealed = Sealed::from_bytes(token.to_vec());
    let (seal, owner) = (&call.env.seal, found.arn());
    let plain = match seal.open(TOKEN_PURPOSE, &owner, &sealed) {
        // Sealed by another node, perhaps, with a key that is newer than those known here.
        Err(_) if seal.learn(call.tx).is_ok_and(|learnt| learnt) => {
            seal.open(TOKEN_PURPOSE, &owner, &sealed)
        }
        opened => opened,
    };
    let plain = plain.map_err(|_| wrong())?;
    let end = plain
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(wrong)?;
    let (head, secret) = (plain.get(..end), plain.get(end + 1..));
    let (head, secret) = head.zip(secret).ok_or_else(wrong)?;
    let token: Token = serde_json::from_slice(head).map_err(|_| wrong())?;
    if token.until_ms <= call.now_ms() {
        return Err(errors::expired_import_token_exception(
            "Import token is expired",
        ));
    }
    let spec: WrappingKeySpec = token.spec.parse().map_err(|_| wrong())?;
    let algorithm = token.algorithm.parse().map_err(|_| wrong())?;
    let key = WrappingKey::from_secret_bytes(spec, secret).map_err(|_| wrong())?;
    Ok((key, algorithm))
}

fn bring(
    call: &mut Call<'_>,
    input: ImportKeyMaterialInput,
) -> Result<ImportKeyMaterialOutput, CallError> {
    let found = find(call, "ImportKeyMaterial", &input.key_id, By::Key)?;
    let valid_to_ms = expiry(call, input.expiration_model.as_deref(), input.valid_to)?;
    let is_symmetric = found.is_symmetric_encryption();
    let says_more = input.import_type.is_some()
        || input.key_material_description.is_some()
        || input.key_material_id.is_some();
    if says_more && !is_symmetric {
        let message = "ImportType, KeyMaterialDescription and KeyMaterialId are for symmetric encryption keys.";
        return Err(invalid(message).into());
    }
    let (wrapping, algorithm) = open(call, &found, &input.import_token)?;
    let plain = wrapping
        .open(algorithm, &input.encrypted_key_material)
        .map_err(|_| errors::invalid_ciphertext_exception(""))?;
    let material = import::read(found.spec, plain.expose()).map_err(|error| match error {
        KeyError::InvalidMaterial => incorrect("The key material is not valid for this key."),
        other => material::failed(other),
    })?;
    let id = material::id_of(&found.id, &material)?.to_string();
    if input
        .key_material_id
        .as_ref()
        .is_some_and(|asked| *asked != id)
    {
        return Err(incorrect("The key material is another than KeyMaterialId says.").into());
    }
    let ring = associated(call, &found, &id, input.import_type.as_deref())?;
    let place = (found.account.as_str(), found.region.as_str(), id.as_str());
    if !call.tx.contains(&MATERIALS, &place)? {
        destroyed::wait(call)?;
    }
    keep(call, &found, material)?;
    if let Some(ring) = ring {
        found.save_ring(call, &ring)?;
    }
    let mut key = Key::clone(&found.key);
    let earlier = key.imported.iter().position(|one| one.material == id);
    let earlier = earlier.map(|at| key.imported.remove(at));
    key.imported.push(Imported {
        material: id.clone(),
        valid_to_ms,
        description: input
            .key_material_description
            .or(earlier.and_then(|earlier| earlier.description)),
    });
    if let Some(end_ms) = valid_to_ms {
        timers::set(call.tx, end_ms, &found)?;
    }
    found.save_key(call, &key)?;
    material::note(call, &id);
    Ok(ImportKeyMaterialOutput {
        key_id: Some(found.arn()),
        key_material_id: Some(id),
    })
}

fn incorrect(message: &str) -> ApiError {
    errors::incorrect_key_material_exception(message)
}

/// Puts the material into the Region's part of the vault.
fn keep(call: &mut Call<'_>, found: &Found, material: Material) -> Result<(), CallError> {
    let region = Region::new(&found.region).map_err(|_| damaged("a key in no Region"))?;
    material::keep(
        call,
        &found.account,
        &region,
        &found.id,
        material,
        Rotated::First,
    )?;
    Ok(())
}

/// When a material expires, in milliseconds.
fn expiry(
    call: &Call<'_>,
    model: Option<&str>,
    valid_to: Option<Timestamp>,
) -> Result<Option<i64>, ApiError> {
    let expires = model.unwrap_or("KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES";
    match (expires, valid_to) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(invalid(
            "ValidTo is not valid with KEY_MATERIAL_DOES_NOT_EXPIRE.",
        )),
        (true, None) => Err(invalid(
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
        )),
        (true, Some(end)) => {
            let end_ms = end.millis();
            let now_ms = call.now_ms();
            if end_ms <= now_ms || end_ms > now_ms + EXPIRY_DAYS_MAX * DAY_MS {
                return Err(invalid(format!(
                    "ValidTo must be in the future, and at most {EXPIRY_DAYS_MAX} days from now."
                )));
            }
            Ok(Some(end_ms))
        }
    }
}

/// What the Regions share once this material belongs to the key; `None` if nothing changes. A key knows its materials for ever, and
/// takes new ones only if it can be rotated.
fn associated(
    call: &Call<'_>,
    found: &Found,
    id: &str,
    kind: Option<&str>,
) -> Result<Option<Ring>, ApiError> {
    let ring = &found.ring;
    let pending = ring.pending.as_ref();
    let known = ring.materials.iter().chain(pending).any(|one| one.id == id);
    let is_first = ring.materials.is_empty();
    let wants_new = match kind {
        Some(kind) => kind == "NEW_KEY_MATERIAL",
        None => is_first,
    };
    if wants_new && known {
        return Err(incorrect("The key material is not new to this key."));
    }
    if !wants_new && !known {
        return Err(incorrect(
            "The key material is not one that was imported into this key before.",
        ));
    }
    if known {
        return Ok(None);
    }
    if ring.multi_region && !found.is_primary() {
        return Err(errors::unsupported_operation_exception(format!(
            "{} is a multi-Region replica key: new material is imported into its primary key first.",
            found.arn()
        )));
    }
    let version = Version {
        id: id.to_owned(),
        region: found.region.clone(),
        since_ms: call.now_ms(),
        by: Rotated::First,
    };
    let mut ring = Ring::clone(ring);
    if is_first {
        ring.materials.push(version);
    } else if pending.is_some() {
        return Err(errors::kms_invalid_state_exception(format!(
            "{} has key material that is pending rotation already.",
            found.arn()
        )));
    } else {
        ring.pending = Some(version);
    }
    Ok(Some(ring))
}

/// The material that is pending rotation, which it is no longer. Every Region must hold it.
pub(crate) fn rotate(
    call: &mut Call<'_>,
    found: &Found,
    ring: &mut Ring,
) -> Result<Version, CallError> {
    let none = || {
        errors::kms_invalid_state_exception(format!(
            "{} has no key material that is pending rotation.",
            found.arn()
        ))
    };
    let pending = ring.pending.take().ok_or_else(none)?;
    if !is_everywhere(call, found, &pending.id)? {
        return Err(errors::kms_invalid_state_exception(format!(
            "The key material that is pending rotation has not been imported into every replica of {}.",
            found.arn()
        ))
        .into());
    }
    Ok(Version {
        since_ms: call.now_ms(),
        by: Rotated::OnDemand,
        ..pending
    })
}

fn is_everywhere(call: &Call<'_>, found: &Found, id: &str) -> Result<bool, CallError> {
    for region in &found.ring.regions {
        let there = Found::look(call.tx, &found.account, region, &found.id)?;
        if there.is_some_and(|there| there.holds(id).is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A material as ListKeyRotations shows it: what is told of imported ones.
pub(crate) fn described(found: &Found, id: &str) -> RotationsListEntry {
    let is_external = found.ring.origin == crate::tables::Origin::External;
    let held = found.holds(id);
    let state = if held.is_some() {
        "IMPORTED"
    } else {
        "PENDING_IMPORT"
    };
    let model = held.map(|held| match held.valid_to_ms {
        Some(_) => "KEY_MATERIAL_EXPIRES",
        None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    RotationsListEntry {
        key_id: Some(found.arn()),
        key_material_id: Some(id.to_owned()),
        key_material_description: held.and_then(|held| held.description.clone()),
        import_state: is_external.then(|| state.to_owned()),
        key_material_state: None,
        expiration_model: model.map(str::to_owned),
        valid_to: held
            .and_then(|held| held.valid_to_ms)
            .and_then(Timestamp::from_millis),
        rotation_date: None,
        rotation_type: None,
    }
}

/// The material that is pending rotation, if there is one.
pub(crate) fn pending(
    call: &Call<'_>,
    found: &Found,
) -> Result<Option<RotationsListEntry>, CallError> {
    let Some(pending) = &found.ring.pending else {
        return Ok(None);
    };
    let state = if is_everywhere(call, found, &pending.id)? {
        "PENDING_ROTATION"
    } else {
        "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    };
    Ok(Some(RotationsListEntry {
        key_material_state: Some(state.to_owned()),
        ..described(found, &pending.id)
    }))
}

fn delete(
    call: &mut Call<'_>,
    input: DeleteImportedKeyMaterialInput,
) -> Result<DeleteImportedKeyMaterialOutput, CallError> {
    let found = find(call, "DeleteImportedKeyMaterial", &input.key_id, By::Key)?;
    let current = found.ring.current().map(|version| version.id.clone());
    let Some(id) = input.key_material_id.or(current) else {
        return Ok(DeleteImportedKeyMaterialOutput {
            key_id: Some(found.arn()),
            key_material_id: None,
        });
    };
    let pending = found.ring.pending.as_ref().is_some_and(|one| one.id == id);
    let known = pending || found.ring.materials.iter().any(|one| one.id == id);
    if !known {
        return Err(
            crate::names::not_found(format!("{} has no key material {id}.", found.arn())).into(),
        );
    }
    // What is pending rotation goes everywhere with the primary's (the model's text).
    let everywhere = pending && (found.is_primary() || !found.ring.multi_region);
    let regions = if everywhere {
        found.ring.regions.clone()
    } else {
        vec![found.region.clone()]
    };
    for region in &regions {
        if let Some(there) = Found::look(call.tx, &found.account, region, &found.id)? {
            forget(call.tx, &there, &id)?;
        }
    }
    if everywhere {
        let mut ring = Ring::clone(&found.ring);
        ring.pending = None;
        found.save_ring(call, &ring)?;
    }
    material::note(call, &id);
    Ok(DeleteImportedKeyMaterialOutput {
        key_id: Some(found.arn()),
        key_material_id: Some(id),
    })
}

/// Takes a material from one Region. The vault's follower overwrites what it was.
pub(crate) fn forget(
    tx: &mut palisade_store::Tx,
    found: &Found,
    id: &str,
) -> Result<(), CallError> {
    let (account, region) = (found.account.as_str(), found.region.as_str());
    let mut key = Key::clone(&found.key);
    key.imported.retain(|one| one.material != id);
    tx.put(&KEYS, &(account, region, found.id.as_str()), &key)?;
    tx.delete(&MATERIALS, &(account, region, id))?;
    Ok(())
}
