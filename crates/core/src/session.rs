use std::sync::{Arc, OnceLock};

use palisade_policy::{CompiledPolicy, Policy};
use serde::{Deserialize, Serialize};

use crate::record::RecordedSession;
use crate::{AccountId, Identity, Random, Seal, SealBroken, Sealed, Secret, ids};

/// What temporary credentials stand for. The whole of it travels inside the session token, sealed, so any node that holds the
/// deployment's keys can verify a session it never saw; nothing is stored for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The account the session acts in.
    pub account: AccountId,
    /// The principal it acts as.
    pub identity: Identity,
    /// `ASIA…`.
    pub access_key_id: String,
    /// When it was handed out, state time in milliseconds: `aws:TokenIssueTime`.
    pub issued_ms: i64,
    /// When it ends, state time in milliseconds.
    pub expires_ms: i64,
    /// Session policies given inline, as text.
    pub policies: Vec<String>,
    /// Managed policies given as session policies.
    pub policy_arns: Vec<String>,
    /// Session tags, those inherited through role chaining included.
    pub tags: Vec<(String, String)>,
    /// Keys of the tags that the next role in a chain inherits.
    pub transitive_tag_keys: Vec<String>,
    /// `sts:SourceIdentity`, carried through a chain.
    pub source_identity: Option<String>,
    /// The request that handed the session out: `explain` walks the chain back along it.
    pub issued_by: uuid::Uuid,
    /// Whether a session of a role was handed out to another role's session (role chaining).
    pub chained: bool,
    /// Made by GetSessionToken: of IAM and STS it may call only what that operation's documentation names.
    pub restricted: bool,
    /// The what-if branch it was made on or for; worthless elsewhere.
    pub branch: Option<String>,
    /// The signing secret of the session.
    #[serde(with = "in_token")]
    secret: Secret,
    /// The inline policies, compiled when they are first asked.
    #[serde(skip)]
    compiled: OnceLock<Vec<Arc<CompiledPolicy>>>,
}

/// Temporary credentials as they leave the server.
pub struct Credentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The signing secret.
    pub secret_access_key: Secret,
    /// The sealed session.
    pub session_token: String,
    /// When they end, state time in milliseconds.
    pub expires_ms: i64,
}

/// A session token that is none, was altered, or belongs to another deployment.
#[derive(Debug, thiserror::Error)]
#[error("the security token included in the request is invalid")]
pub struct InvalidToken;

/// Everything a session is made from.
pub struct NewSession {
    /// The account the session acts in.
    pub account: AccountId,
    /// The principal it acts as.
    pub identity: Identity,
    /// State time in milliseconds.
    pub issued_ms: i64,
    /// Lifetime in seconds.
    pub duration_seconds: i64,
    /// See [`Session::policies`].
    pub policies: Vec<String>,
    /// See [`Session::policy_arns`].
    pub policy_arns: Vec<String>,
    /// See [`Session::tags`].
    pub tags: Vec<(String, String)>,
    /// See [`Session::transitive_tag_keys`].
    pub transitive_tag_keys: Vec<String>,
    /// See [`Session::source_identity`].
    pub source_identity: Option<String>,
    /// See [`Session::issued_by`].
    pub issued_by: uuid::Uuid,
    /// See [`Session::chained`].
    pub chained: bool,
    /// See [`Session::restricted`].
    pub restricted: bool,
    /// See [`Session::branch`].
    pub branch: Option<String>,
}

/// The longest token the header limit has room for, in characters.
pub const TOKEN_LENGTH_MAX: usize = 24 * 1024;

/// What the packed session policies and tags of one session may take, in bytes: `PackedPolicySize` is measured against it.
pub const PACKED_SIZE_MAX: usize = 8 * 1024;

const TOKEN_VERSION: u8 = 1;
const PURPOSE: &str = "session-token";

impl NewSession {
    /// How much of the allowance for session policies and tags is used, in percent; above 100 the call is refused
    /// (`PackedPolicyTooLarge`). Measured on the compressed form, as STS says it does.
    pub fn packed_policy_size_percent(&self) -> usize {
        let mut text = String::new();
        for part in self.policies.iter().chain(&self.policy_arns) {
            text.push_str(part);
        }
        for (key, value) in &self.tags {
            text.push_str(key);
            text.push_str(value);
        }
        if text.is_empty() {
            return 0;
        }
        let packed = lz4_flex::compress(text.as_bytes()).len();
        (packed * 100).div_ceil(PACKED_SIZE_MAX)
    }

    /// Makes the session and seals it into its token.
    pub fn issue(self, seal: &dyn Seal, random: &mut dyn Random) -> Credentials {
        self.issue_padded(seal, random, 0)
    }

    /// The same with a token of at least `length_min` characters, at most [`TOKEN_LENGTH_MAX`]: for callers that check whether what
    /// stands between can carry longer ones.
    pub fn issue_padded(
        self,
        seal: &dyn Seal,
        random: &mut dyn Random,
        length_min: usize,
    ) -> Credentials {
        let mut id = [0; 8];
        random.fill(&mut id);
        let secret = Secret::generate_access_key(random);
        let access_key_id = ids::access_key_id(
            ids::AccessKeyKind::Session,
            &self.account,
            u64::from_le_bytes(id),
        );
        let session = Session {
            account: self.account,
            identity: self.identity,
            access_key_id: access_key_id.clone(),
            issued_ms: self.issued_ms,
            expires_ms: self.issued_ms + self.duration_seconds * 1000,
            policies: self.policies,
            policy_arns: self.policy_arns,
            tags: self.tags,
            transitive_tag_keys: self.transitive_tag_keys,
            source_identity: self.source_identity,
            issued_by: self.issued_by,
            chained: self.chained,
            restricted: self.restricted,
            branch: self.branch,
            secret: secret.clone(),
            compiled: OnceLock::new(),
        };
        Credentials {
            session_token: session.to_token(seal, random, length_min.min(TOKEN_LENGTH_MAX)),
            access_key_id,
            secret_access_key: secret,
            expires_ms: session.expires_ms,
        }
    }
}

impl Session {
    /// A session as the journal recalls it: good for asking questions, not for signing.
    pub(crate) fn recalled(
        account: &AccountId,
        identity: &Identity,
        access_key_id: &str,
        recorded: &RecordedSession,
    ) -> Self {
        Self {
            account: account.clone(),
            identity: identity.clone(),
            access_key_id: access_key_id.to_owned(),
            issued_ms: recorded.issued_ms,
            expires_ms: recorded.issued_ms,
            policies: recorded.policies.clone(),
            policy_arns: recorded.policy_arns.clone(),
            tags: recorded.tags.clone(),
            transitive_tag_keys: Vec::new(),
            source_identity: recorded.source_identity.clone(),
            issued_by: recorded.issued_by,
            chained: false,
            restricted: false,
            branch: None,
            secret: Secret::new(String::new()),
            compiled: OnceLock::new(),
        }
    }

    /// The signing secret.
    pub fn secret(&self) -> Secret {
        self.secret.clone()
    }

    /// Whether it stands in for its owner's long-term credentials on a branch. Then nothing that tells temporary credentials from
    /// long-term ones applies.
    pub fn is_stand_in(&self) -> bool {
        let is_own = matches!(self.identity, Identity::User(_) | Identity::Root);
        is_own && self.branch.is_some() && !self.restricted
    }

    /// The inline session policies, ready to be asked. They were checked before the session was handed out; one that this version
    /// no longer understands allows nothing.
    pub fn compiled_policies(&self) -> Vec<Arc<CompiledPolicy>> {
        let compile = |(number, text): (usize, &String)| match Policy::parse(text) {
            Ok(policy) => Arc::new(CompiledPolicy::new(format!("session:{number}"), policy)),
            Err(_) => crate::authorize::nothing(),
        };
        self.compiled
            .get_or_init(|| self.policies.iter().enumerate().map(compile).collect())
            .clone()
    }

    /// Opens a token made by this deployment for `access_key_id`. Says nothing about whether it is still valid.
    pub fn from_token(
        token: &str,
        access_key_id: &str,
        seal: &dyn Seal,
    ) -> Result<Self, InvalidToken> {
        if token.len() > TOKEN_LENGTH_MAX {
            return Err(InvalidToken);
        }
        let bytes = crate::base64_decode(token).ok_or(InvalidToken)?;
        let (&version, sealed) = bytes.split_first().ok_or(InvalidToken)?;
        if version != TOKEN_VERSION {
            return Err(InvalidToken);
        }
        let sealed = Sealed::from_bytes(sealed.to_vec());
        let packed = seal
            .open(PURPOSE, access_key_id, &sealed)
            .map_err(|SealBroken| InvalidToken)?;
        let (padded, padding) = packed.split_last_chunk::<4>().ok_or(InvalidToken)?;
        let length = padded
            .len()
            .checked_sub(u32::from_le_bytes(*padding) as usize);
        let packed = length
            .and_then(|length| padded.get(..length))
            .ok_or(InvalidToken)?;
        let plain = lz4_flex::decompress_size_prepended(packed).map_err(|_| InvalidToken)?;
        rmp_serde::from_slice(&plain).map_err(|_| InvalidToken)
    }

    fn to_token(&self, seal: &dyn Seal, random: &mut dyn Random, length_min: usize) -> String {
        // Serialising plain data into memory cannot fail.
        let plain = rmp_serde::to_vec(self).expect("a session serialises");
        let mut packed = lz4_flex::compress_prepend_size(&plain);
        // Padding, and last how much of it there is.
        let padding = (length_min / 4 * 3).saturating_sub(packed.len());
        packed.resize(packed.len() + padding, 0);
        packed.extend_from_slice(&(padding as u32).to_le_bytes());
        let sealed = seal.seal(PURPOSE, &self.access_key_id, &packed, random);
        let mut token = vec![TOKEN_VERSION];
        token.extend_from_slice(sealed.as_bytes());
        crate::base64_encode(&token)
    }
}

/// A session's secret inside its token: the one place where a secret is serialised, and that is sealed.
mod in_token {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Secret;

    pub fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::testing::Counting;
    use crate::{RootKey, RootKeySeal};

    #[test]
    fn a_session_that_is_printed_keeps_its_secret() {
        let seal = RootKeySeal::new(RootKey::new(Zeroizing::new([7; 32])), vec![]);
        let given = NewSession {
            account: AccountId::new("111122223333").unwrap(),
            identity: Identity::Root,
            issued_ms: 0,
            duration_seconds: 900,
            policies: vec![],
            policy_arns: vec![],
            tags: vec![],
            transitive_tag_keys: vec![],
            source_identity: None,
            issued_by: uuid::Uuid::nil(),
            chained: false,
            restricted: true,
            branch: None,
        }
        .issue(&seal, &mut Counting::default());
        let session =
            Session::from_token(&given.session_token, &given.access_key_id, &seal).unwrap();
        assert_eq!(session.secret(), given.secret_access_key);
        assert!(!format!("{session:?}").contains(given.secret_access_key.expose()));
    }
}
