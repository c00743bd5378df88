//! The ciphertext format: bounds, and what binds a ciphertext to its key, material and context.

use palisade_keyring::ciphertext::{BLOB_BYTES_MAX, OVERHEAD_BYTES_MAX, PLAIN_BYTES_MAX, TooLong};
use palisade_keyring::testing::Counting;
use palisade_keyring::{
    Blob, DerivationKey, EncryptionContext, Header, KeyName, Malformed, MaterialId,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const MULTI: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

fn header(account: &str, region: &str, id: &str) -> Header {
    Header {
        key: KeyName::new(account, region, id).unwrap(),
        material: MaterialId::of(id, &[1; 32]),
    }
}

fn usual() -> Header {
    header("111122223333", "eu-west-1", ID)
}

fn key(byte: u8) -> DerivationKey {
    DerivationKey::new([byte; 32].into())
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().copied()).unwrap()
}

fn seal(header: &Header, plain: &[u8]) -> Vec<u8> {
    let random = &mut Counting::default();
    header
        .seal(&key(1), &context(&[("app", "web")]), plain, random)
        .unwrap()
}

#[test]
fn the_overhead_is_at_most_152_bytes() {
    const { assert!(OVERHEAD_BYTES_MAX <= 152) };
    let longest = "x".repeat(32);
    let blob = seal(&header("999999999999", &longest, ID), b"hello");
    assert_eq!(blob.len(), OVERHEAD_BYTES_MAX + 5);
    let blob = seal(&header("999999999999", &longest, MULTI), b"hello");
    assert_eq!(blob.len(), OVERHEAD_BYTES_MAX - 32 + 5);
}

#[test]
fn a_multi_region_key_names_no_region() {
    let here = seal(&header("111122223333", "eu-west-1", MULTI), b"hello");
    let there = header("111122223333", "us-east-1", MULTI);
    assert_eq!(Blob::parse(&here).unwrap().header(), &there);
}

#[test]
fn a_plain_text_that_is_too_long_is_refused() {
    let random = &mut Counting::default();
    let plain = vec![0; PLAIN_BYTES_MAX + 1];
    let sealed = usual().seal(&key(1), &context(&[]), &plain, random);
    assert_eq!(sealed, Err(TooLong));
    let fits = usual()
        .seal(&key(1), &context(&[]), &plain[1..], random)
        .unwrap();
    assert!(fits.len() <= BLOB_BYTES_MAX);
    let opened = Blob::parse(&fits)
        .unwrap()
        .open(&key(1), &context(&[]))
        .unwrap();
    assert_eq!(opened.len(), PLAIN_BYTES_MAX);
}

#[test]
fn an_unknown_version_or_algorithm_is_named() {
    let mut blob = seal(&usual(), b"hello");
    blob[1] = 9;
    assert_eq!(Blob::parse(&blob).err(), Some(Malformed::Algorithm(9)));
    blob[0] = 2;
    assert_eq!(Blob::parse(&blob).err(), Some(Malformed::Version(2)));
    assert_eq!(Blob::parse(&[]).err(), Some(Malformed::Form));
    let long = vec![1; BLOB_BYTES_MAX + 1];
    assert_eq!(Blob::parse(&long).err(), Some(Malformed::Form));
}

#[test]
fn the_header_of_another_ciphertext_does_not_fit() {
    let one = seal(&usual(), b"hello");
    let header_bytes = 1 + 1 + 5 + 1 + "eu-west-1".len() + 16 + 32;
    for other in [
        header("111122223334", "eu-west-1", ID),
        header("111122223333", "eu-west-2", ID),
        header(
            "111122223333",
            "eu-west-1",
            "1234abcd-12ab-34cd-56ef-1234567890ac",
        ),
        Header {
            material: MaterialId::of(ID, &[2; 32]),
            ..usual()
        },
    ] {
        let other = seal(&other, b"hello");
        let swapped = [&other[..header_bytes], &one[header_bytes..]].concat();
        let blob = Blob::parse(&swapped).unwrap();
        let opened = blob.open(&key(1), &context(&[("app", "web")]));
        assert!(opened.is_err(), "{:?}", blob.header());
    }
}

#[test]
fn the_context_must_be_the_same() {
    let sealed = seal(&usual(), b"hello");
    let blob = Blob::parse(&sealed).unwrap();
    assert!(blob.open(&key(1), &context(&[("app", "web")])).is_ok());
    for pairs in [
        &[][..],
        &[("app", "Web")],
        &[("App", "web")],
        &[("ap", "pweb")],
        &[("app", "web"), ("x", "")],
    ] {
        assert!(blob.open(&key(1), &context(pairs)).is_err(), "{pairs:?}");
    }
}

#[test]
fn every_message_has_its_own_n_and_ciphertext() {
    let random = &mut Counting::default();
    let mut seal = || {
        usual()
            .seal(&key(1), &context(&[]), b"hello", random)
            .unwrap()
    };
    let (one, other) = (seal(), seal());
    let n = |blob: &[u8]| blob[blob.len() - 5 - 64..blob.len() - 5 - 48].to_vec();
    assert_ne!(n(&one), n(&other));
    assert_ne!(one[one.len() - 21..], other[other.len() - 21..]);
}

proptest! {
    #[test]
    fn what_was_sealed_opens(
        plain in vec(any::<u8>(), 0..5000),
        pairs in btree_map(".{0,20}", ".{0,20}", 0..6),
        region in "[a-z0-9-]{1,32}",
        account in "[0-9]{12}",
        multi in any::<bool>(),
    ) {
        let header = header(&account, &region, if multi { MULTI } else { ID });
        let context = EncryptionContext::new(pairs).unwrap();
        let sealed = header.seal(&key(3), &context, &plain, &mut Counting::default()).unwrap();
        prop_assert!(sealed.len() <= plain.len() + OVERHEAD_BYTES_MAX);
        let blob = Blob::parse(&sealed).unwrap();
        prop_assert_eq!(blob.header(), &header);
        prop_assert_eq!(blob.plain_bytes(), plain.len());
        let opened = blob.open(&key(3), &context).unwrap();
        prop_assert_eq!(opened.expose(), plain);
        prop_assert!(blob.open(&key(4), &context).is_err());
    }

    #[test]
    fn a_changed_byte_never_opens(at in any::<prop::sample::Index>(), by in 1_u8..) {
        let mut sealed = seal(&usual(), b"hello");
        let at = at.index(sealed.len());
        sealed[at] ^= by;
        let opened = Blob::parse(&sealed).map(|b| b.open(&key(1), &context(&[("app", "web")])));
        prop_assert!(!matches!(opened, Ok(Ok(_))));
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes in vec(any::<u8>(), 0..400)) {
        for bytes in [bytes.clone(), [&[1, 1][..], &bytes].concat()] {
            let opened = Blob::parse(&bytes).map(|b| b.open(&key(1), &context(&[])));
            prop_assert!(!matches!(opened, Ok(Ok(_))));
        }
    }
}
