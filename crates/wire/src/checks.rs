//! What holds for values in every protocol.

use palisade_model::{Structure, StructureShape, Value};

use crate::error::WireError;

/// Refuses a union that has not exactly one member.
pub(crate) fn check_union(shape: &StructureShape, structure: &Structure) -> Result<(), WireError> {
    match structure.fields.len() {
        1 => Ok(()),
        _ if !shape.union => Ok(()),
        0 => Err(WireError::Value("a union must have a member".to_owned())),
        _ => Err(WireError::Value(
            "a union must have only one member".to_owned(),
        )),
    }
}

/// Refuses a map with one key twice.
pub(crate) fn refuse_repeated(entries: &[(String, Value)]) -> Result<(), WireError> {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    match keys
        .windows(2)
        .find(|pair| matches!(pair, [a, b] if a == b))
    {
        Some([key, ..]) => Err(WireError::duplicate(key)),
        _ => Ok(()),
    }
}
