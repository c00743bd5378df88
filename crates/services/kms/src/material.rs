//! Materials of keys, behind the key vault: made, opened, used.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_core::keys::{KeyVault, KeyVaultError, Place};
use palisade_core::{AccountId, Call, CallError, Notes, OsRandom, Random, Region};
use palisade_keyring::spec::KeySpec;
use palisade_keyring::{DerivationKey, Header, KeyError, KeyName, Material, MaterialId};
use palisade_model::ApiError;
use palisade_store::Tx;
use zeroize::Zeroizing;

use crate::api::errors;
use crate::keys::{By, Found, damaged, find};
use crate::rotation;
use crate::tables::{MATERIALS, Origin, Rotated, Version};

/// The call's randomness, as the keyring takes it.
pub(crate) struct Draw<'a>(pub &'a mut dyn Random);

impl palisade_keyring::Random for Draw<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// The key a call wants to use, by any of its names, in a state that allows it.
pub(crate) fn find_usable(
    call: &mut Call<'_>,
    operation: &'static str,
    id: &str,
) -> Result<Found, CallError> {
    find(call, operation, id, By::KeyOrAlias)
}

/// Whether all there is of a key was made on the call's branch.
pub(crate) fn is_made_on_branch(call: &Call<'_>, found: &Found) -> bool {
    call.tx.branch().is_some()
        && found.ring.materials.iter().all(|version| {
            let made = place_of(call, found, version).and_then(|place| {
                let id = material_id(&version.id)?;
                Ok(call.env.keys.made_on_branch(&place, id))
            });
            made.unwrap_or(false)
        })
}

/// Makes the first material of a key.
pub(crate) fn make_first(
    call: &mut Call<'_>,
    key_id: &str,
    spec: KeySpec,
) -> Result<Version, CallError> {
    let account = call.account().clone();
    let region = call.context.region.clone();
    make(call, &account, &region, key_id, spec, Rotated::First)
}

/// A material that a call has made for a key: until an attempt of the call puts it into the vault.
struct Fresh {
    id: MaterialId,
    material: Mutex<Option<Material>>,
}

impl Fresh {
    fn of(key_id: &str, material: Material) -> Result<Self, ApiError> {
        Ok(Self {
            id: id_of(key_id, &material)?,
            material: Mutex::new(Some(material)),
        })
    }
}

/// Makes a material, once for all attempts of the call, and puts it into the vault. What no attempt commits, the front destroys.
pub(crate) fn make(
    call: &mut Call<'_>,
    account: &AccountId,
    region: &Region,
    key_id: &str,
    spec: KeySpec,
    by: Rotated,
) -> Result<Version, CallError> {
    let name = format!("kms.material/{key_id}");
    let fresh = if is_costly(spec) {
        let key_id = key_id.to_owned();
        call.made
            .costly(&name, move || Fresh::of(&key_id, generated(spec)?))?
    } else {
        let random = &mut call.random;
        call.made.once(&name, || {
            let material = Material::generate(spec, &mut Draw(&mut **random)).map_err(failed)?;
            Fresh::of(key_id, material)
        })?
    };
    let place = Place::new(account, region, call.tx.branch());
    let waiting = fresh
        .material
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(material) = waiting {
        let stored = call.env.keys.store(&place, fresh.id, material, call.random);
        stored.map_err(|error| vault_failed(&error))?;
    }
    call.made.uses(&place, fresh.id);
    name_version(call.tx, account, region, fresh.id, by)
}

/// Whether a key takes so long to make that the threads of requests are too good for it.
pub(crate) fn is_costly(spec: KeySpec) -> bool {
    matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096)
}

/// A material of a costly kind, which takes its randomness from the library that makes it.
pub(crate) fn generated(spec: KeySpec) -> Result<Material, ApiError> {
    Material::generate(spec, &mut Draw(&mut OsRandom)).map_err(failed)
}

/// Puts an imported material into the vault, where it is durable before this returns. Its id follows from its bytes, and another call may
/// be importing the same: so it stays in the vault although this call may fail, until it comes again or the server starts.
pub(crate) fn keep(
    call: &mut Call<'_>,
    account: &AccountId,
    region: &Region,
    key_id: &str,
    material: Material,
    by: Rotated,
) -> Result<Version, CallError> {
    let id = id_of(key_id, &material)?;
    let place = Place::new(account, region, call.tx.branch());
    call.env
        .keys
        .store(&place, id, material, call.random)
        .map_err(|error| vault_failed(&error))?;
    name_version(call.tx, account, region, id, by)
}

/// Makes a material for a key whose time has come, which no call asks for. If the transaction is not committed, it must be destroyed.
pub(crate) fn make_on_time(
    tx: &mut Tx,
    keys: &dyn KeyVault,
    found: &Found,
    by: Rotated,
) -> Result<(Version, (Place, MaterialId)), CallError> {
    let region = primary(found)?;
    let material = generated(found.spec)?;
    let id = id_of(&found.id, &material)?;
    let place = Place::new(&found.account, &region, tx.branch());
    let stored = keys.store(&place, id, material, &mut OsRandom);
    stored.map_err(|error| vault_failed(&error))?;
    let version = name_version(tx, &found.account, &region, id, by)?;
    Ok((version, (place, id)))
}

/// The Region whose part of the vault holds what is made for a key.
pub(crate) fn primary(found: &Found) -> Result<Region, ApiError> {
    Region::new(&found.ring.primary).map_err(|_| damaged("a key in no Region"))
}

/// Names a material that is in the vault: from the commit on it is to stay there.
fn name_version(
    tx: &mut Tx,
    account: &AccountId,
    region: &Region,
    id: MaterialId,
    by: Rotated,
) -> Result<Version, CallError> {
    let name = id.to_string();
    tx.put(
        &MATERIALS,
        &(account.as_str(), region.as_str(), name.as_str()),
        &(),
    )?;
    Ok(Version {
        id: name,
        region: region.as_str().to_owned(),
        since_ms: i64::try_from(tx.time().0).unwrap_or(i64::MAX),
        by,
    })
}

/// The id that a material has as one of a key.
pub(crate) fn id_of(key_id: &str, material: &Material) -> Result<MaterialId, ApiError> {
    let secret = material.to_secret_bytes().map_err(failed)?;
    Ok(MaterialId::of(key_id, secret.expose()))
}

/// The material that encrypts, rotated first if that is due.
pub(crate) fn current(
    call: &mut Call<'_>,
    found: &Found,
) -> Result<(Version, Arc<Material>), CallError> {
    let version = rotation::current(call, found)?;
    let material = open(call, found, &version)?;
    Ok((version, material))
}

/// A material of a key.
pub(crate) fn open(
    call: &Call<'_>,
    found: &Found,
    version: &Version,
) -> Result<Arc<Material>, CallError> {
    let place = place_of(call, found, version)?;
    let opened = call.env.keys.load(&place, material_id(&version.id)?);
    Ok(opened.map_err(|error| vault_failed(&error))?)
}

/// Where a material is kept. Imported ones are in each Region by themselves.
fn place_of(call: &Call<'_>, found: &Found, version: &Version) -> Result<Place, ApiError> {
    let region = match found.ring.origin {
        Origin::AwsKms => &version.region,
        Origin::External => &found.region,
    };
    let region = Region::new(region).map_err(|_| damaged("a material in no Region"))?;
    Ok(Place::new(&found.account, &region, call.tx.branch()))
}

/// A material id as it is kept.
pub(crate) fn material_id(id: &str) -> Result<MaterialId, ApiError> {
    MaterialId::from_str(id).map_err(|_| damaged("a material without an id"))
}

/// What ciphertexts of a material begin with.
pub(crate) fn header(found: &Found, version: &Version) -> Result<Header, ApiError> {
    let key = KeyName::new(found.account.as_str(), &found.region, &found.id);
    Ok(Header {
        key: key.map_err(|_| damaged("a key of no name"))?,
        material: material_id(&version.id)?,
    })
}

/// The key that the key of each message is derived from.
pub(crate) fn derivation(material: &Material) -> Result<DerivationKey, ApiError> {
    let key = material.symmetric_key().copied().map(Zeroizing::new);
    Ok(DerivationKey::new(
        key.ok_or_else(|| damaged("a material of another kind"))?,
    ))
}

/// Notes the material for the record, as AWS does since keys have several.
pub(crate) fn note(call: &mut Call<'_>, id: &str) {
    note_data(&mut call.notes, &serde_json::json!({ "keyMaterialId": id }));
}

/// Notes the materials of both sides of ReEncrypt.
pub(crate) fn note_both(call: &mut Call<'_>, source: &str, destination: Option<&str>) {
    let mut data = serde_json::json!({ "sourceKeyMaterialId": source });
    if let Some(destination) = destination {
        data["destinationKeyMaterialId"] = destination.into();
    }
    note_data(&mut call.notes, &data);
}

fn note_data(notes: &mut Notes, data: &serde_json::Value) {
    notes.additional_event_data = Some(data.to_string());
}

/// What lies in no input.
pub(crate) fn failed(error: KeyError) -> ApiError {
    ApiError::receiver("KMSInternalException", error.to_string())
}

fn vault_failed(error: &KeyVaultError) -> ApiError {
    match error {
        KeyVaultError::Gone => {
            errors::kms_invalid_state_exception("The key material has been destroyed.")
        }
        KeyVaultError::BranchFull => errors::limit_exceeded_exception(error.to_string()),
        KeyVaultError::DoesNotOpen | KeyVaultError::Failed(_) => {
            ApiError::receiver("KeyUnavailableException", error.to_string()).with_status(503)
        }
    }
}
