//! What is kept comes back the same, and no bytes make reading panic.

use palisade_model::{Structure, Timestamp, Value, persist};
use proptest::collection::vec;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let moment = (-62_135_596_800_i64..=253_402_300_799, 0..1_000_000_000_u32)
        .prop_filter_map("a moment", |(seconds, nanos)| {
            Timestamp::new(seconds, nanos)
        });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (-1e300..1e300_f64).prop_map(Value::Float),
        Just(Value::Float(f64::INFINITY)),
        ".*".prop_map(Value::String),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Blob(bytes.into())),
        moment.prop_map(Value::Timestamp),
        ("[a-z]*", any::<i32>())
            .prop_map(|(key, number)| Value::Document(serde_json::json!({key: [number, null]}))),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec((".*", inner.clone()), 0..6).prop_map(Value::Map),
            structure_of(inner).prop_map(Value::Structure),
        ]
    })
}

fn structure_of(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Structure> {
    let names = prop_oneof![Just("Name"), Just("Arn"), Just("Tags"), Just("x")];
    vec((names, values), 0..5).prop_map(|fields| Structure { fields })
}

proptest! {
    #[test]
    fn a_structure_survives_being_kept(structure in structure_of(value())) {
        let bytes = persist::to_bytes(&structure).unwrap();
        prop_assert_eq!(persist::from_bytes(&bytes), Ok(structure.clone()));
        prop_assert_eq!(persist::to_bytes(&structure).unwrap(), bytes);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = persist::from_bytes(&bytes);
    }

    #[test]
    fn cut_bytes_are_refused(structure in structure_of(value()), at in any::<prop::sample::Index>()) {
        let bytes = persist::to_bytes(&structure).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert_eq!(persist::from_bytes(cut), Err(persist::NotKept));
    }
}

#[test]
fn a_stream_is_not_kept() {
    let nested = Value::List(vec![Value::Stream]);
    let structure = Structure {
        fields: vec![("Body", nested)],
    };
    assert_eq!(persist::to_bytes(&structure), Err(persist::IsStream));
}
