//! When two values say the same. Also used by the fuzz targets.

use palisade_model::{Structure, Value};

/// True when two values say the same: the order of members and entries does not count, one NaN is
/// as good as another, a single-precision number is what it is after rounding, and a moment what a
/// double holds of it.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || *a as f32 == *b as f32 || (a.is_nan() && b.is_nan())
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => (a.as_f64() - b.as_f64()).abs() < 1e-4,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let other = |key: &str| {
                b.iter()
                    .find(|(name, _)| name == key)
                    .map(|(_, value)| value)
            };
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| other(key).is_some_and(|b| same(a, b)))
        }
        (Value::Structure(a), Value::Structure(b)) => same_members(a, b),
        _ => left == right,
    }
}

/// [`same`] for structures.
pub fn same_members(left: &Structure, right: &Structure) -> bool {
    left.fields.len() == right.fields.len()
        && left
            .fields
            .iter()
            .all(|(name, a)| right.get(name).is_some_and(|b| same(a, b)))
}
