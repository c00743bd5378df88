//! The little DER that keys come in: bounded reading, and writing.

/// The greatest encoded key that is looked at, in bytes: `EncryptedKeyMaterial` takes no more than
/// 6144, a public key 8192.
pub(crate) const MAX_KEY: usize = 8192;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// Context-specific, primitive, number 0: a seed in a PKCS#8 of ML-DSA or ML-KEM.
pub(crate) const SEED: u8 = 0x80;

/// Reads one element after the other. Lengths must be definite and in their shortest form.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over `bytes`; none if there are more than [`MAX_KEY`].
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() <= MAX_KEY).then_some(Self(bytes))
    }

    /// The content of the next element, if its tag is `tag`.
    pub(crate) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&length, rest) = rest.split_first()?;
                (usize::from(length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let shortest = match first {
            0x81 => length >= 0x80,
            0x82 => length >= 0x100,
            _ => true,
        };
        if found != tag || !shortest {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next element's content as one to read in, if its tag is `tag`.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.read(tag).map(Self)
    }

    /// Nothing, if there is nothing more.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Whether `bytes` are one sequence and nothing after it. The C library ignores what follows.
pub(crate) fn is_one_sequence(bytes: &[u8]) -> bool {
    let whole = || {
        let mut reader = Reader::new(bytes)?;
        reader.read(SEQUENCE)?;
        reader.end()
    };
    whole().is_some()
}

/// One element of `tag` with the `parts` as its content.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 4);
    out.push(tag);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 0x80 => out.push(short),
        (Ok(one), _) => out.extend([0x81, one]),
        (_, Ok(two)) => {
            out.push(0x82);
            out.extend(two.to_be_bytes());
        }
        _ => unreachable!("keys are shorter than 64 KiB"),
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A SubjectPublicKeyInfo (RFC 5280) of an algorithm without parameters.
pub(crate) fn write_public_key(oid: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = write(SEQUENCE, &[&write(OID, &[oid])]);
    let bits = write(BIT_STRING, &[&[0], key]);
    write(SEQUENCE, &[&algorithm, &bits])
}

/// A PrivateKeyInfo (RFC 5958) of an algorithm without parameters.
pub(crate) fn write_private_key(oid: &[u8], key: &[u8]) -> Vec<u8> {
    let version = write(INTEGER, &[&[0]]);
    let algorithm = write(SEQUENCE, &[&write(OID, &[oid])]);
    let octets = zeroize::Zeroizing::new(write(OCTET_STRING, &[key]));
    write(SEQUENCE, &[&version, &algorithm, &octets])
}

/// The algorithm (the content of its sequence) and the key of a SubjectPublicKeyInfo.
pub(crate) fn read_public_key(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(bytes)?;
    let mut info = outer.enter(SEQUENCE)?;
    outer.end()?;
    let algorithm = info.read(SEQUENCE)?;
    let bits = info.read(BIT_STRING)?;
    info.end()?;
    let (&unused, key) = bits.split_first()?;
    (unused == 0).then_some((algorithm, key))
}

/// The private key in a PrivateKeyInfo whose algorithm is `oid` without parameters. Attributes and
/// a public key may follow it (RFC 5958) and are not looked at.
pub(crate) fn read_private_key<'a>(bytes: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let (algorithm, key) = read_private_key_info(bytes)?;
    (algorithm == write(OID, &[oid])).then_some(key)
}

/// The algorithm (the content of its sequence) of a PrivateKeyInfo.
pub(crate) fn private_key_algorithm(bytes: &[u8]) -> Option<&[u8]> {
    read_private_key_info(bytes).map(|(algorithm, _)| algorithm)
}

fn read_private_key_info(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(bytes)?;
    let mut info = outer.enter(SEQUENCE)?;
    outer.end()?;
    let version = info.read(INTEGER)?;
    let algorithm = info.read(SEQUENCE)?;
    let key = info.read(OCTET_STRING)?;
    matches!(version, [0 | 1]).then_some((algorithm, key))
}

/// The seed in a private key of ML-DSA (RFC 9881) or ML-KEM (RFC 9935), and the expanded key where
/// it is given too; none if there is the expanded key alone.
pub(crate) fn read_seed(key: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut reader = Reader::new(key)?;
    if let Some(seed) = reader.read(SEED) {
        reader.end()?;
        return Some((seed, None));
    }
    let mut both = reader.enter(SEQUENCE)?;
    reader.end()?;
    let seed = both.read(OCTET_STRING)?;
    let expanded = both.read(OCTET_STRING)?;
    both.end()?;
    Some((seed, Some(expanded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_must_be_shortest() {
        for bytes in [
            &[4, 0x81, 1, 9][..],
            &[4, 0x82, 0, 1, 9],
            &[4, 0x80, 0, 0],
            &[4, 0x83, 0, 0, 1, 9],
        ] {
            assert_eq!(Reader(bytes).read(OCTET_STRING), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in proptest::collection::vec(any::<u8>(), 0..700)) {
            let bytes = write(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&bytes).expect("short enough");
            prop_assert_eq!(reader.read(OCTET_STRING), Some(&content[..]));
            prop_assert!(reader.end().is_some());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_private_key(&bytes, &[1]);
            prop_assert!(!is_one_sequence(&bytes) || bytes[0] == SEQUENCE);
        }
    }
}
