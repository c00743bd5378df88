//! Keys: tuples of strings, integers and bytes whose encoded bytes sort as the values do.
//!
//! A string or byte string ends with `00`; a `00` or `01` inside it becomes `01 01` or `01 02`, so that order is kept,
//! every part says where it ends, and no key of a table is the beginning of another. Integers are big-endian.

/// One part of a key: what can stand in a tuple.
///
/// A borrowed part (`&str`) encodes as its owned form (`String`) does, so that look-ups need no allocation of their own.
/// A crate with an id of its own implements this by encoding the string or integer inside it.
pub trait KeyPart {
    /// The form that reading gives back.
    type Owned: DecodePart;
    /// Appends this part's bytes.
    fn encode_part(&self, out: &mut Vec<u8>);
}

/// A part that can be read back from the bytes that [`KeyPart::encode_part`] wrote.
pub trait DecodePart: KeyPart<Owned = Self> + Sized {
    /// Takes this part off the front of `input`; `None` when the bytes are not such a part.
    fn decode_part(input: &mut &[u8]) -> Option<Self>;
}

/// Something that encodes as a key of type `K` does: `K` itself or its borrowed form.
pub trait KeyOf<K> {
    /// Appends the key's bytes.
    fn encode_key(&self, out: &mut Vec<u8>);
}

/// The first parts of a key of type `K`: `()`, then one part, then two…, up to the whole key.
pub trait PrefixOf<K> {
    /// Appends the bytes that every key with these first parts begins with.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

/// An owned key: the type a table names.
pub trait Key: KeyOf<Self> + Sized + Send + 'static {
    /// Reads a whole key; `None` when the bytes are not such a key.
    fn decode_key(input: &[u8]) -> Option<Self>;
}

impl<K, T: KeyOf<K> + ?Sized> KeyOf<K> for &T {
    fn encode_key(&self, out: &mut Vec<u8>) {
        (**self).encode_key(out);
    }
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    type Owned = T::Owned;
    fn encode_part(&self, out: &mut Vec<u8>) {
        (**self).encode_part(out);
    }
}

impl KeyPart for str {
    type Owned = String;
    fn encode_part(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl KeyPart for String {
    type Owned = String;
    fn encode_part(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl DecodePart for String {
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        String::from_utf8(decode_bytes(input)?).ok()
    }
}

impl KeyPart for [u8] {
    type Owned = Vec<u8>;
    fn encode_part(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl KeyPart for Vec<u8> {
    type Owned = Vec<u8>;
    fn encode_part(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl DecodePart for Vec<u8> {
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        decode_bytes(input)
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte <= 1 {
            out.push(1);
            out.push(byte + 1);
        } else {
            out.push(byte);
        }
    }
    out.push(0);
}

fn decode_bytes(input: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = input.iter();
    loop {
        match rest.next()? {
            0 => break,
            1 => match rest.next()? {
                1 => out.push(0),
                2 => out.push(1),
                _ => return None,
            },
            &byte => out.push(byte),
        }
    }
    *input = rest.as_slice();
    Some(out)
}

/// Integers: unsigned as they are, signed with the sign bit turned so that negatives sort first.
macro_rules! integer_part {
    ($($integer:ty, $flip:expr;)*) => {$(
        impl KeyPart for $integer {
            type Owned = $integer;
            fn encode_part(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(*self ^ $flip).to_be_bytes());
            }
        }
        impl DecodePart for $integer {
            fn decode_part(input: &mut &[u8]) -> Option<Self> {
                let (head, tail) = input.split_first_chunk()?;
                *input = tail;
                Some(<$integer>::from_be_bytes(*head) ^ $flip)
            }
        }
    )*};
}
integer_part! { u8, 0; u16, 0; u32, 0; u64, 0; u128, 0; i32, i32::MIN; i64, i64::MIN; }

impl<const N: usize> KeyPart for [u8; N] {
    type Owned = [u8; N];
    fn encode_part(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> DecodePart for [u8; N] {
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        let (head, tail) = input.split_first_chunk()?;
        *input = tail;
        Some(*head)
    }
}

/// `Reverse(n)` sorts from the greatest to the least: for "newest first".
impl KeyPart for std::cmp::Reverse<u64> {
    type Owned = Self;
    fn encode_part(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(!self.0).to_be_bytes());
    }
}

impl DecodePart for std::cmp::Reverse<u64> {
    fn decode_part(input: &mut &[u8]) -> Option<Self> {
        u64::decode_part(input).map(|n| Self(!n))
    }
}

impl<K> PrefixOf<K> for () {
    fn encode_prefix(&self, _: &mut Vec<u8>) {}
}

/// Keys of one to six parts.
macro_rules! tuple_key {
    ($($part:ident $owned:ident),+) => {
        impl<$($part: KeyPart<Owned = $owned>, $owned),+> KeyOf<($($owned,)+)> for ($($part,)+) {
            #[allow(non_snake_case)]
            fn encode_key(&self, out: &mut Vec<u8>) {
                let ($($part,)+) = self;
                $($part.encode_part(out);)+
            }
        }
        impl<$($part: DecodePart + Send + 'static),+> Key for ($($part,)+) {
            fn decode_key(mut input: &[u8]) -> Option<Self> {
                let key = ($($part::decode_part(&mut input)?,)+);
                input.is_empty().then_some(key)
            }
        }
    };
}
tuple_key!(A KA);
tuple_key!(A KA, B KB);
tuple_key!(A KA, B KB, C KC);
tuple_key!(A KA, B KB, C KC, D KD);
tuple_key!(A KA, B KB, C KC, D KD, E KE);
tuple_key!(A KA, B KB, C KC, D KD, E KE, F KF);

/// The prefixes of each length of key.
macro_rules! tuple_prefix {
    ($($part:ident $owned:ident),+ => $($rest:ident),*) => {
        impl<$($part: KeyPart<Owned = $owned>, $owned,)+ $($rest),*> PrefixOf<($($owned,)+ $($rest,)*)> for ($($part,)+) {
            #[allow(non_snake_case)]
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                let ($($part,)+) = self;
                $($part.encode_part(out);)+
            }
        }
    };
}
tuple_prefix!(A KA => );
tuple_prefix!(A KA => R);
tuple_prefix!(A KA => R, S);
tuple_prefix!(A KA => R, S, T);
tuple_prefix!(A KA => R, S, T, U);
tuple_prefix!(A KA => R, S, T, U, V);
tuple_prefix!(A KA, B KB => );
tuple_prefix!(A KA, B KB => R);
tuple_prefix!(A KA, B KB => R, S);
tuple_prefix!(A KA, B KB => R, S, T);
tuple_prefix!(A KA, B KB => R, S, T, U);
tuple_prefix!(A KA, B KB, C KC => );
tuple_prefix!(A KA, B KB, C KC => R);
tuple_prefix!(A KA, B KB, C KC => R, S);
tuple_prefix!(A KA, B KB, C KC => R, S, T);
tuple_prefix!(A KA, B KB, C KC, D KD => );
tuple_prefix!(A KA, B KB, C KC, D KD => R);
tuple_prefix!(A KA, B KB, C KC, D KD => R, S);
tuple_prefix!(A KA, B KB, C KC, D KD, E KE => );
tuple_prefix!(A KA, B KB, C KC, D KD, E KE => R);
tuple_prefix!(A KA, B KB, C KC, D KD, E KE, F KF => );

/// The least byte string greater than every one that begins with `prefix`; `None` when there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type K = (String, u64, i64, Vec<u8>, [u8; 3]);

    fn encoded(key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode_key(&mut out);
        out
    }

    fn keys() -> impl Strategy<Value = K> {
        let text = proptest::collection::vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), any::<char>()],
            0..4,
        )
        .prop_map(|chars| chars.into_iter().collect::<String>());
        (
            text,
            any::<u64>(),
            any::<i64>(),
            proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(2), any::<u8>()], 0..4),
            any::<[u8; 3]>(),
        )
    }

    proptest! {
        #[test]
        fn encoding_keeps_order_and_reads_back(a in keys(), b in keys()) {
            prop_assert_eq!(encoded(&a).cmp(&encoded(&b)), a.cmp(&b));
            prop_assert_eq!(K::decode_key(&encoded(&a)), Some(a));
        }

        #[test]
        fn no_key_begins_another(a in keys(), b in keys()) {
            prop_assert!(a == b || !encoded(&a).starts_with(&encoded(&b)));
        }

        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(key) = K::decode_key(&bytes) {
                prop_assert_eq!(encoded(&key), bytes);
            }
        }
    }

    #[test]
    fn borrowed_keys_encode_as_owned_ones() {
        let mut borrowed = Vec::new();
        KeyOf::<(String, String)>::encode_key(&("a", "b"), &mut borrowed);
        let mut owned = Vec::new();
        ("a".to_owned(), "b".to_owned()).encode_key(&mut owned);
        assert_eq!(borrowed, owned);
        let mut prefix = Vec::new();
        PrefixOf::<(String, String)>::encode_prefix(&("a",), &mut prefix);
        assert!(owned.starts_with(&prefix));
    }

    #[test]
    fn the_end_of_a_prefix_is_after_all_it_begins() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 0xff]), Some(vec![2]));
        assert_eq!(after_prefix(&[0xff]), None);
        assert_eq!(after_prefix(&[]), None);
    }
}
