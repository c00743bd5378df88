//! Random numbers, values and mutations from a seed.

use palisade_model::{
    ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, Timestamp, Value,
};

/// A generator of random numbers (xorshift64*): the same for the same seed.
pub struct Random(u64);

impl Random {
    /// A generator; `seed` must not be zero.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    /// Text of characters that protocols treat in different ways.
    pub fn text(&mut self) -> String {
        let characters: Vec<char> = "aZ0 .,-_~%+&=;:/?#<>\"'\\\t\r\n{}[]é€😹\u{85}\u{2028}"
            .chars()
            .collect();
        (0..self.below(8))
            .map(|_| characters[self.below(characters.len())])
            .collect()
    }

    /// A few bytes changed, inserted, removed or repeated.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const TOKENS: [&[u8]; 12] = [
            b"<", b"&#0;", b"]]>", b"\"", b"\\u0000", b"{", b"[[[[", b"%", b".1", b"=", b"\xff",
            b"\x9f",
        ];
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    bytes.splice(at..at, token.iter().copied());
                }
                _ => {
                    let end = (at + self.below(16)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
    }

    /// Members of a structure, or one of a union.
    pub fn structure(
        &mut self,
        model: &ServiceModel,
        shape: &StructureShape,
        depth: usize,
    ) -> Structure {
        let mut structure = Structure::new();
        let members = shape.members();
        let chosen = self.below(members.len());
        for (index, member) in members.iter().enumerate() {
            let is_set = if shape.union {
                index == chosen
            } else {
                self.below(4) == 0
            };
            if is_set && (depth > 0 || !is_nested(model, member.shape)) {
                let value = self.value(model, member.shape, depth);
                structure.push(member.name, value);
            }
        }
        if shape.union && structure.is_empty() {
            structure.push(members[0].name, "left");
        }
        structure
    }

    fn value(&mut self, model: &ServiceModel, id: ShapeId, depth: usize) -> Value {
        let below = depth.saturating_sub(1);
        match &model.shape(id).kind {
            ShapeKind::Structure(shape) => Value::Structure(self.structure(model, shape, below)),
            // An empty flattened list is not there in XML and forms.
            ShapeKind::List(list) => {
                let count = 1 + self.below(3);
                Value::List(
                    (0..count)
                        .map(|_| self.value(model, list.member.shape, below))
                        .collect(),
                )
            }
            ShapeKind::Map(map) => {
                let count = 1 + self.below(3);
                let entry = |random: &mut Self, index: usize| {
                    (
                        format!("{index}{}", random.text()),
                        random.value(model, map.value.shape, below),
                    )
                };
                Value::Map((0..count).map(|index| entry(self, index)).collect())
            }
            ShapeKind::String(_) => Value::String(self.text()),
            ShapeKind::Boolean => Value::Bool(self.below(2) == 0),
            ShapeKind::Integer => Value::Integer((self.next() as i32).into()),
            ShapeKind::Long => Value::Integer(self.next() as i64),
            ShapeKind::Float => Value::Float(f32::from_bits(self.next() as u32).into()),
            ShapeKind::Double => Value::Float(f64::from_bits(self.next())),
            ShapeKind::Blob => Value::Blob(self.text().into()),
            ShapeKind::Timestamp(_) => {
                let seconds = (self.below(1 << 32) as i64) - (1 << 30);
                Value::Timestamp(
                    Timestamp::new(seconds, self.below(1000) as u32 * 1_000_000).unwrap(),
                )
            }
            ShapeKind::Document => Value::Document(serde_json::json!(self.text())),
        }
    }
}

fn is_nested(model: &ServiceModel, id: ShapeId) -> bool {
    match &model.shape(id).kind {
        ShapeKind::Structure(_) | ShapeKind::Map(_) => true,
        ShapeKind::List(list) => is_nested(model, list.member.shape),
        _ => false,
    }
}
