//! The hierarchy: a root key, under it one domain key an account and region, under that the materials of keys.
//!
//! What lies below another key is kept as a token: a header that names it, and the secret sealed behind that (the same construction
//! as a message's ciphertext: a fresh key per token, committed to). A token opens for nothing but what its header names, under the key
//! that its header names.
//!
//! | token | header |
//! |---|---|
//! | [`WrappedDomainKey`] | 1, kind 1, root id (8), account (5), region, version (4) |
//! | [`MaterialToken`] | 1, kind 2, account (5), region, domain key's version (4), material id (32), key spec |
//! | own secret | 1, kind 3, root id (8), name |
//!
//! Texts stand behind a byte with their length; numbers are big-endian. Domain keys have versions: the newest one wraps, and what an
//! older one wrapped is rewrapped bit by bit ([`MaterialToken::rewrap`]).
//!
//! ```
//! use palisade_keyring::testing::Counting;
//! use palisade_keyring::{Domain, DomainKey, MaterialId, MaterialToken, Root, WrappedDomainKey};
//!
//! let random = &mut Counting::default(); // truly random, outside of examples
//! let root = Root::generate(random);
//! let domain = Domain::new("111122223333", "eu-west-1").unwrap();
//! let key = DomainKey::generate(domain, 1, random);
//! let wrapped = root.wrap(&key, random);
//! let id = MaterialId::of("mrk-0123456789abcdef0123456789abcdef", b"secret");
//! let token = key.wrap(id, "HMAC_256", b"secret", random);
//!
//! let key = WrappedDomainKey::parse(&wrapped).unwrap().open(&root).unwrap();
//! let token = MaterialToken::parse(&token).unwrap();
//! assert_eq!((token.material(), token.spec()), (id, "HMAC_256"));
//! assert_eq!(token.open(&key).unwrap().expose(), b"secret");
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::envelope::{self, DoesNotOpen, ENVELOPE_BYTES, Labels};
use crate::name::{from_hex, hex};
use crate::reader::{Reader, put_short_text, put_u40};
use crate::{DerivationKey, Domain, MaterialId, Random, Secret};

/// The longest token, in bytes; the longest secret is the private key of an RSA_4096 key, of some 2400 bytes.
pub const TOKEN_BYTES_MAX: usize = 8192;

/// The key at the top. It is held in memory only, and on disk wrapped by a seal ([`RootWrap`](crate::RootWrap)).
pub struct Root {
    key: DerivationKey,
    id: RootId,
}

/// The name of a root key: derived from it, and telling nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootId(pub(crate) [u8; 8]);

/// The key over all materials of an account and region.
pub struct DomainKey {
    domain: Domain,
    version: u32,
    key: DerivationKey,
}

/// A domain key as it is kept.
#[derive(Clone, Debug)]
pub struct WrappedDomainKey<'a> {
    root: RootId,
    domain: Domain,
    version: u32,
    sealed: Sealed<'a>,
}

/// One version of a key's material as it is kept.
#[derive(Clone, Debug)]
pub struct MaterialToken<'a> {
    domain: Domain,
    domain_version: u32,
    material: MaterialId,
    spec: &'a str,
    sealed: Sealed<'a>,
}

/// Bytes that are no token of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token of a known version")]
pub struct NoToken;

const VERSION: u8 = 1;
const OLDER_ROOT: &str = "older-root";
const DOMAIN: Kind = Kind {
    tag: 1,
    labels: Labels {
        key: "palisade domain key",
        iv: "palisade domain iv",
        commitment: "palisade domain commitment",
    },
};
const MATERIAL: Kind = Kind {
    tag: 2,
    labels: Labels {
        key: "palisade material key",
        iv: "palisade material iv",
        commitment: "palisade material commitment",
    },
};
const OWN: Kind = Kind {
    tag: 3,
    labels: Labels {
        key: "palisade own key",
        iv: "palisade own iv",
        commitment: "palisade own commitment",
    },
};

impl Root {
    /// A fresh root key.
    pub fn generate(random: &mut dyn Random) -> Self {
        Self::new(DerivationKey::generate(random))
    }

    pub(crate) fn new(key: DerivationKey) -> Self {
        let id = RootId(*key.derive("palisade root id", b""));
        Self { key, id }
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.key.expose()
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> RootId {
        self.id
    }

    /// The same root once more.
    #[must_use]
    pub fn share(&self) -> Self {
        Self::new(DerivationKey::new(zeroize::Zeroizing::new(*self.expose())))
    }

    /// The token of a domain key.
    pub fn wrap(&self, key: &DomainKey, random: &mut dyn Random) -> Vec<u8> {
        let mut header = DOMAIN.header();
        header.extend_from_slice(&self.id.0);
        put_domain(&mut header, &key.domain, key.version);
        envelope::seal(
            &self.key,
            &DOMAIN.labels,
            &header,
            &[],
            key.key.expose(),
            random,
        )
    }

    /// The token of one of the server's own secrets, by a name of at most 255 bytes.
    pub fn wrap_own(&self, name: &str, secret: &[u8], random: &mut dyn Random) -> Vec<u8> {
        let header = self.own_header(name);
        envelope::seal(&self.key, &OWN.labels, &header, &[], secret, random)
    }

    /// Opens what [`Root::wrap_own`] made for the same name.
    ///
    /// # Errors
    /// When it was altered, or made for another name or by another root.
    pub fn open_own(&self, name: &str, token: &[u8]) -> Result<Secret, DoesNotOpen> {
        let header = self.own_header(name);
        if !token.starts_with(&header) {
            return Err(DoesNotOpen);
        }
        envelope::open(&self.key, &OWN.labels, token, header.len(), &[])
    }

    /// The token of an older root, which still opens what is not yet moved to this one.
    pub fn wrap_root(&self, older: &Root, random: &mut dyn Random) -> Vec<u8> {
        self.wrap_own(OLDER_ROOT, older.expose(), random)
    }

    /// Opens what [`Root::wrap_root`] made.
    ///
    /// # Errors
    /// When it was altered, or made by another root.
    pub fn open_root(&self, token: &[u8]) -> Result<Self, DoesNotOpen> {
        let older = self.open_own(OLDER_ROOT, token)?;
        Ok(Self::new(DerivationKey::new(key_bytes(&older)?)))
    }

    fn own_header(&self, name: &str) -> Vec<u8> {
        let mut header = OWN.header();
        header.extend_from_slice(&self.id.0);
        put_short_text(&mut header, name);
        header
    }
}

impl DomainKey {
    /// A fresh key of a domain; versions count from 1.
    pub fn generate(domain: Domain, version: u32, random: &mut dyn Random) -> Self {
        Self {
            domain,
            version,
            key: DerivationKey::generate(random),
        }
    }

    /// What it stands over.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Which of the domain's keys it is.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The token of a material of a key of `spec` (its AWS name).
    pub fn wrap(
        &self,
        material: MaterialId,
        spec: &str,
        secret: &[u8],
        random: &mut dyn Random,
    ) -> Vec<u8> {
        let mut header = MATERIAL.header();
        put_domain(&mut header, &self.domain, self.version);
        header.extend_from_slice(&material.0);
        put_short_text(&mut header, spec);
        envelope::seal(&self.key, &MATERIAL.labels, &header, &[], secret, random)
    }
}

impl<'a> WrappedDomainKey<'a> {
    /// Reads the header, which nothing proves before the token opens.
    ///
    /// # Errors
    /// When these bytes are no token of a domain key.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NoToken> {
        let read = |reader: &mut Reader<'a>| {
            let root = RootId(reader.array()?);
            let (domain, version) = read_domain(reader)?;
            Some((root, domain, version))
        };
        let ((root, domain, version), sealed) = DOMAIN.parse(bytes, read)?;
        Ok(Self {
            root,
            domain,
            version,
            sealed,
        })
    }

    /// The root it was wrapped by.
    #[must_use]
    pub fn root(&self) -> RootId {
        self.root
    }

    /// What the key stands over.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Which of the domain's keys it is.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Opens it.
    ///
    /// # Errors
    /// When it was altered, or another root wrapped it.
    pub fn open(&self, root: &Root) -> Result<DomainKey, DoesNotOpen> {
        if self.root != root.id {
            return Err(DoesNotOpen);
        }
        let key = self.sealed.open(&root.key, &DOMAIN)?;
        Ok(DomainKey {
            domain: self.domain.clone(),
            version: self.version,
            key: DerivationKey::new(key_bytes(&key)?),
        })
    }

    /// The same key, wrapped by another root.
    ///
    /// # Errors
    /// When it does not open under the old one.
    pub fn rewrap(
        &self,
        old: &Root,
        new: &Root,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        Ok(new.wrap(&self.open(old)?, random))
    }
}

impl<'a> MaterialToken<'a> {
    /// Reads the header, which nothing proves before the token opens.
    ///
    /// # Errors
    /// When these bytes are no token of a material.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NoToken> {
        let read = |reader: &mut Reader<'a>| {
            let domain = read_domain(reader)?;
            Some((domain, MaterialId(reader.array()?), reader.short_text()?))
        };
        let (((domain, domain_version), material, spec), sealed) = MATERIAL.parse(bytes, read)?;
        Ok(Self {
            domain,
            domain_version,
            material,
            spec,
            sealed,
        })
    }

    /// Where the key is.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The domain key that wrapped it.
    #[must_use]
    pub fn domain_version(&self) -> u32 {
        self.domain_version
    }

    /// The material's id.
    #[must_use]
    pub fn material(&self) -> MaterialId {
        self.material
    }

    /// The key's spec, by its AWS name.
    #[must_use]
    pub fn spec(&self) -> &'a str {
        self.spec
    }

    /// Opens it: the material's secret bytes.
    ///
    /// # Errors
    /// When it was altered, or another domain key wrapped it.
    pub fn open(&self, key: &DomainKey) -> Result<Secret, DoesNotOpen> {
        if (&self.domain, self.domain_version) != (&key.domain, key.version) {
            return Err(DoesNotOpen);
        }
        self.sealed.open(&key.key, &MATERIAL)
    }

    /// The same material, wrapped by another key of the same domain.
    ///
    /// # Errors
    /// When it does not open under the old one, or the new one is of another domain.
    pub fn rewrap(
        &self,
        old: &DomainKey,
        new: &DomainKey,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        if old.domain != new.domain {
            return Err(DoesNotOpen);
        }
        let secret = self.open(old)?;
        Ok(new.wrap(self.material, self.spec, secret.expose(), random))
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for RootId {
    type Err = NoToken;
    fn from_str(text: &str) -> Result<Self, NoToken> {
        from_hex(text).map(Self).ok_or(NoToken)
    }
}

/// A kind of token: the byte that names it, and what its keys are derived by.
struct Kind {
    tag: u8,
    labels: Labels,
}

/// The sealed part of a token, with its header.
#[derive(Clone)]
struct Sealed<'a> {
    token: &'a [u8],
    header_bytes: usize,
}

impl Kind {
    fn header(&self) -> Vec<u8> {
        vec![VERSION, self.tag]
    }

    /// Splits a token of this kind into what `read` takes of its header, and the rest.
    fn parse<'a, T>(
        &self,
        token: &'a [u8],
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Result<(T, Sealed<'a>), NoToken> {
        let mut reader = Reader(token);
        let fits = token.len() <= TOKEN_BYTES_MAX && reader.array() == Some([VERSION, self.tag]);
        let header = fits.then(|| read(&mut reader)).flatten().ok_or(NoToken)?;
        if reader.0.len() < ENVELOPE_BYTES {
            return Err(NoToken);
        }
        let header_bytes = token.len() - reader.0.len();
        Ok((
            header,
            Sealed {
                token,
                header_bytes,
            },
        ))
    }
}

impl Sealed<'_> {
    fn open(&self, above: &DerivationKey, kind: &Kind) -> Result<Secret, DoesNotOpen> {
        envelope::open(above, &kind.labels, self.token, self.header_bytes, &[])
    }
}

impl fmt::Debug for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.token.len())
    }
}

pub(crate) fn key_bytes(secret: &Secret) -> Result<Zeroizing<[u8; 32]>, DoesNotOpen> {
    let key = secret.expose().try_into().map_err(|_| DoesNotOpen)?;
    Ok(Zeroizing::new(key))
}

fn put_domain(header: &mut Vec<u8>, domain: &Domain, version: u32) {
    put_u40(header, domain.account_number());
    put_short_text(header, domain.region());
    header.extend_from_slice(&version.to_be_bytes());
}

fn read_domain(reader: &mut Reader<'_>) -> Option<(Domain, u32)> {
    let account = reader.u40()?;
    let domain = Domain::from_parts(account, reader.short_text()?).ok()?;
    Some((domain, reader.u32()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;

    struct World {
        random: Counting,
        root: Root,
        key: DomainKey,
    }

    fn domain(region: &str) -> Domain {
        Domain::new("111122223333", region).unwrap()
    }

    fn material() -> MaterialId {
        MaterialId::of("k", b"secret")
    }

    impl World {
        fn new() -> Self {
            let mut random = Counting::default();
            let root = Root::generate(&mut random);
            let key = DomainKey::generate(domain("eu-west-1"), 1, &mut random);
            Self { random, root, key }
        }

        fn token(&mut self) -> Vec<u8> {
            self.key
                .wrap(material(), "HMAC_256", b"secret", &mut self.random)
        }
    }

    #[test]
    fn a_domain_key_opens_under_its_root_only() {
        let mut w = World::new();
        let token = w.root.wrap(&w.key, &mut w.random);
        let wrapped = WrappedDomainKey::parse(&token).unwrap();
        assert_eq!(wrapped.root(), w.root.id());
        assert_eq!((wrapped.domain(), wrapped.version()), (w.key.domain(), 1));
        let opened = wrapped.open(&w.root).unwrap();
        assert_eq!(opened.key.expose(), w.key.key.expose());
        let other = Root::generate(&mut w.random);
        assert_eq!(wrapped.open(&other).err(), Some(DoesNotOpen));
        let moved = wrapped.rewrap(&w.root, &other, &mut w.random).unwrap();
        let moved = WrappedDomainKey::parse(&moved).unwrap();
        assert!(moved.open(&w.root).is_err());
        assert_eq!(moved.open(&other).unwrap().key.expose(), w.key.key.expose());
    }

    #[test]
    fn a_material_opens_under_its_domain_key_only() {
        let mut w = World::new();
        let token = w.token();
        let token = MaterialToken::parse(&token).unwrap();
        assert_eq!(token.open(&w.key).unwrap().expose(), b"secret");
        for (region, version) in [("eu-west-1", 1), ("eu-west-1", 2), ("us-east-1", 1)] {
            let other = DomainKey::generate(domain(region), version, &mut w.random);
            assert!(token.open(&other).is_err());
        }
    }

    #[test]
    fn a_rewrapped_material_is_the_same_under_the_newer_key() {
        let mut w = World::new();
        let token = w.token();
        let newer = DomainKey::generate(domain("eu-west-1"), 2, &mut w.random);
        let token = MaterialToken::parse(&token).unwrap();
        let moved = token.rewrap(&w.key, &newer, &mut w.random).unwrap();
        let moved = MaterialToken::parse(&moved).unwrap();
        assert_eq!((moved.domain_version(), moved.material()), (2, material()));
        assert_eq!(moved.open(&newer).unwrap().expose(), b"secret");
        let elsewhere = DomainKey::generate(domain("us-east-1"), 2, &mut w.random);
        assert!(token.rewrap(&w.key, &elsewhere, &mut w.random).is_err());
    }

    #[test]
    fn an_own_secret_opens_for_its_name_and_root_only() {
        let mut w = World::new();
        let token = w.root.wrap_own("spine", b"secret", &mut w.random);
        assert_eq!(
            w.root.open_own("spine", &token).unwrap().expose(),
            b"secret"
        );
        assert!(w.root.open_own("other", &token).is_err());
        assert!(
            Root::generate(&mut w.random)
                .open_own("spine", &token)
                .is_err()
        );
    }

    #[test]
    fn an_older_root_is_kept_under_the_newer() {
        let mut w = World::new();
        let newer = Root::generate(&mut w.random);
        let token = newer.wrap_root(&w.root, &mut w.random);
        assert_eq!(newer.open_root(&token).unwrap().id(), w.root.id());
        assert!(w.root.open_root(&token).is_err());
    }

    #[test]
    fn no_altered_bit_of_a_token_goes_unnoticed() {
        let mut w = World::new();
        let token = w.token();
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = MaterialToken::parse(&bytes).ok().map(|t| t.open(&w.key));
            assert!(!matches!(opened, Some(Ok(_))), "bit {bit}");
        }
        for bytes in 0..token.len() {
            let opened = MaterialToken::parse(&token[..bytes]).map(|t| t.open(&w.key));
            assert!(!matches!(opened, Ok(Ok(_))), "{bytes} bytes");
        }
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let mut w = World::new();
        let (material, key) = (w.token(), w.root.wrap(&w.key, &mut w.random));
        assert!(WrappedDomainKey::parse(&material).is_err());
        assert!(MaterialToken::parse(&key).is_err());
    }
}
