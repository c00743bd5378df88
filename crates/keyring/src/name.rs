//! What keys and their materials are called.

use std::fmt;
use std::str::FromStr;

use crate::kdf::derive;

/// The longest region name, in bytes.
pub const REGION_BYTES_MAX: usize = 32;
/// The first account number that has too many digits.
const ACCOUNT_END: u64 = 1_000_000_000_000;
const MULTI_REGION_PREFIX: &str = "mrk-";

/// An account and a region: what one domain key stands over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain {
    account: u64,
    region: Box<str>,
}

/// A key by account, region and id. A multi-Region key (`mrk-…`) has no region here: its replicas are the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    pub(crate) account: u64,
    /// Empty for a multi-Region key.
    pub(crate) region: Box<str>,
    pub(crate) id: [u8; 16],
}

/// The name of one version of a key's material: 64 hexadecimal digits, a function of key and material.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaterialId(pub(crate) [u8; 32]);

/// A text that names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not twelve digits.
    #[error("an account id is twelve digits")]
    Account,
    /// Not 1 to 32 lower-case letters, digits and hyphens.
    #[error("not a region name")]
    Region,
    /// Neither a lower-case UUID nor `mrk-` and 32 lower-case hexadecimal digits.
    #[error("a key id is a UUID, or mrk- and 32 hexadecimal digits")]
    KeyId,
    /// Not 64 lower-case hexadecimal digits.
    #[error("a material id is 64 hexadecimal digits")]
    MaterialId,
}

impl Domain {
    /// The domain of an account of twelve digits and a region.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(account: &str, region: &str) -> Result<Self, InvalidName> {
        Ok(Self {
            account: account_number(account)?,
            region: region_name(region)?,
        })
    }

    pub(crate) fn from_parts(account: u64, region: &str) -> Result<Self, InvalidName> {
        let account = Some(account).filter(|a| *a < ACCOUNT_END);
        Ok(Self {
            account: account.ok_or(InvalidName::Account)?,
            region: region_name(region)?,
        })
    }

    /// The account's number.
    #[must_use]
    pub fn account_number(&self) -> u64 {
        self.account
    }

    /// The account's twelve digits.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{:012}", self.account)
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl KeyName {
    /// The name of the key `id` in an account and a region; a multi-Region key's region is left out.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(account: &str, region: &str, id: &str) -> Result<Self, InvalidName> {
        let region = region_name(region)?;
        let (region, id) = match id.strip_prefix(MULTI_REGION_PREFIX) {
            Some(digits) => (Box::default(), from_hex(digits)),
            None => (region, from_uuid(id)),
        };
        Ok(Self {
            account: account_number(account)?,
            region,
            id: id.ok_or(InvalidName::KeyId)?,
        })
    }

    pub(crate) fn from_parts(
        account: u64,
        region: &str,
        id: [u8; 16],
    ) -> Result<Self, InvalidName> {
        let account = Some(account).filter(|a| *a < ACCOUNT_END);
        Ok(Self {
            account: account.ok_or(InvalidName::Account)?,
            region: match region {
                "" => Box::default(),
                name => region_name(name)?,
            },
            id,
        })
    }

    /// The account's twelve digits.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{:012}", self.account)
    }

    /// The region; `None` for a multi-Region key.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        Some(&*self.region).filter(|name| !name.is_empty())
    }

    /// The key's id.
    #[must_use]
    pub fn key_id(&self) -> String {
        let digits = hex(&self.id);
        match self.region() {
            None => format!("{MULTI_REGION_PREFIX}{digits}"),
            Some(_) => [0..8, 8..12, 12..16, 16..20, 20..32]
                .map(|part| &digits[part])
                .join("-"),
        }
    }
}

impl MaterialId {
    /// The id of a material of the key `key_id`: derived from its secret bytes, which it says nothing about.
    ///
    /// Another key's same material has another id. `secret` must not be empty.
    #[must_use]
    pub fn of(key_id: &str, secret: &[u8]) -> Self {
        Self(*derive(secret, "palisade material id", key_id.as_bytes()))
    }

    /// The id as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MaterialId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        from_hex(text).map(Self).ok_or(InvalidName::MaterialId)
    }
}

fn account_number(text: &str) -> Result<u64, InvalidName> {
    let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or(InvalidName::Account)
}

fn region_name(text: &str) -> Result<Box<str>, InvalidName> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let valid = (1..=REGION_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
    valid.then(|| text.into()).ok_or(InvalidName::Region)
}

fn from_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens = [8, 13, 18, 23];
    let placed = text.len() == 36
        && hyphens
            .iter()
            .all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    placed.then(|| from_hex(&digits)).flatten()
}

/// Lower-case hexadecimal digits, two a byte.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(*b)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const MULTI: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

    #[test]
    fn a_name_reads_back() {
        let name = KeyName::new("000022223333", "eu-west-1", ID).unwrap();
        assert_eq!(name.account(), "000022223333");
        assert_eq!(name.region(), Some("eu-west-1"));
        assert_eq!(name.key_id(), ID);
    }

    #[test]
    fn replicas_of_a_multi_region_key_have_one_name() {
        let here = KeyName::new("000022223333", "eu-west-1", MULTI).unwrap();
        assert_eq!(
            here,
            KeyName::new("000022223333", "us-east-1", MULTI).unwrap()
        );
        assert_eq!((here.region(), here.key_id().as_str()), (None, MULTI));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (account, region, id, error) in [
            ("00002222333", "eu-west-1", ID, InvalidName::Account),
            ("+00022223333", "eu-west-1", ID, InvalidName::Account),
            ("000022223333", "", ID, InvalidName::Region),
            ("000022223333", "EU", MULTI, InvalidName::Region),
            ("000022223333", "e", &ID.to_uppercase(), InvalidName::KeyId),
            ("000022223333", "e", &ID[1..], InvalidName::KeyId),
            ("000022223333", "e", &MULTI[..35], InvalidName::KeyId),
            (
                "000022223333",
                "e",
                "1234abcd12-ab-34cd-56ef-1234567890ab",
                InvalidName::KeyId,
            ),
            ("000022223333", "e", "alias/app", InvalidName::KeyId),
        ] {
            assert_eq!(
                KeyName::new(account, region, id),
                Err(error),
                "{account} {region} {id}"
            );
        }
    }

    #[test]
    fn a_material_id_is_a_function_of_key_and_material() {
        let id = MaterialId::of(ID, &[1; 32]);
        assert_eq!(id, MaterialId::of(ID, &[1; 32]));
        assert_ne!(id, MaterialId::of(ID, &[2; 32]));
        assert_ne!(id, MaterialId::of(MULTI, &[1; 32]));
        assert_eq!(id.to_string().len(), 64);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AB".repeat(32).parse::<MaterialId>().is_err());
    }
}
