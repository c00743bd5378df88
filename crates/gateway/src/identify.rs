//! Who signed: from the claim of a signature to the caller behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_core::{
    AccountId, CallError, Caller, Environment, Identity, KeyOwner, Secret, Session,
};
use palisade_sigv4::{AuthError, Body, Credentialed, KeyCache, RequestHead, Rules};
use palisade_store::Tx;
use sha2::{Digest as _, Sha256};

/// Root credentials that live in this process only.
#[derive(Clone, Debug)]
pub struct RootKey {
    /// The access key id.
    pub access_key_id: String,
    /// The secret.
    pub secret: Secret,
    /// The account it is root of.
    pub account: AccountId,
}

/// Why nobody was recognised.
#[derive(Debug)]
pub enum Refusal {
    /// The request's own fault.
    Auth(AuthError),
    /// The state could not be read.
    Call(CallError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Recognises callers. Signing keys and opened session tokens are kept, each in bounded number.
#[derive(Debug)]
pub struct Identifier {
    root_keys: HashMap<String, RootKey>,
    signing_keys: KeyCache,
    sessions: SessionCache,
}

/// A request with its claim, as it was received.
pub struct Claimed<'a> {
    /// What the signature claims.
    pub claim: &'a Credentialed<'a>,
    /// The request's head.
    pub head: &'a RequestHead<'a>,
    /// The request's body.
    pub body: Body<'a>,
    /// What the service asks of signatures.
    pub rules: &'a Rules<'a>,
    /// Wall time in milliseconds.
    pub wall_ms: i64,
    /// The what-if branch the request is sent to.
    pub branch: Option<&'a str>,
}

/// A caller and the secret that proves it.
struct Candidate {
    caller: Caller,
    secret: Secret,
}

const SIGNING_KEYS_KEPT: usize = 4096;
const SESSIONS_KEPT: usize = 1024;

impl Identifier {
    /// An identifier that also knows these root keys.
    pub fn new(root_keys: Vec<RootKey>) -> Self {
        let by_id = root_keys
            .into_iter()
            .map(|key| (key.access_key_id.clone(), key));
        Self {
            root_keys: by_id.collect(),
            signing_keys: KeyCache::new(SIGNING_KEYS_KEPT),
            sessions: SessionCache::default(),
        }
    }

    /// The caller of a signed request: the signature is right, the credentials are good now. That the principal still exists
    /// is found out with its policies, by `Authority::of`.
    pub fn identify(
        &self,
        tx: &mut Tx,
        env: &Environment,
        request: &Claimed<'_>,
    ) -> Result<Caller, Refusal> {
        // Clock and coverage first: a request from another time says nothing about whose it is.
        request.claim.check(
            request.head,
            request.wall_ms.div_euclid(1000),
            request.rules,
        )?;
        let candidate = self.candidate(tx, env, request)?;
        let generation = fingerprint(candidate.secret.expose());
        let verified = self.signing_keys.verify(
            request.claim,
            request.head,
            generation,
            || Ok::<_, AuthError>(candidate.secret.expose()),
            request.body,
            request.wall_ms.div_euclid(1000),
            request.rules,
        )?;
        match verified.body {
            palisade_sigv4::BodyCheck::Done | palisade_sigv4::BodyCheck::Unsigned => {}
            // Whole bodies are compared above; no implemented operation streams its request.
            palisade_sigv4::BodyCheck::Sha256(_) | palisade_sigv4::BodyCheck::Chunked(_) => {
                return Err(
                    AuthError::UnsupportedAlgorithm(palisade_sigv4::Algorithm::Other).into(),
                );
            }
        }
        self.check_session(tx, request, &candidate.caller)?;
        Ok(candidate.caller)
    }

    fn candidate(
        &self,
        tx: &mut Tx,
        env: &Environment,
        request: &Claimed<'_>,
    ) -> Result<Candidate, Refusal> {
        let id = request.claim.access_key_id();
        if let Some(token) = request.claim.security_token() {
            let session = match self.sessions.open(token, id, env) {
                // Another node may have sealed it with a key that is newer than those known here.
                Err(_) if env.seal.learn(tx).map_err(CallError::from)? => {
                    self.sessions.open(token, id, env)?
                }
                opened => opened?,
            };
            return Ok(Candidate {
                secret: session.secret(),
                caller: session_caller(session),
            });
        }
        if let Some(key) = self.root_keys.get(id) {
            let caller = Caller {
                account: key.account.clone(),
                identity: Identity::Root,
                access_key_id: id.to_owned(),
                session: None,
            };
            return Ok(Candidate {
                caller,
                secret: key.secret.clone(),
            });
        }
        let key = env
            .identities
            .access_key(tx, id)?
            .filter(|key| key.active)
            .ok_or(AuthError::UnknownAccessKey)?;
        let identity = match &key.owner {
            KeyOwner::Root => Identity::Root,
            KeyOwner::User { name, id } => {
                let user = env.identities.user(tx, &key.account, name)?;
                let user = user
                    .filter(|user| user.user.id == *id)
                    .ok_or(AuthError::UnknownAccessKey)?;
                Identity::User(user.user.clone())
            }
        };
        let caller = Caller {
            account: key.account.clone(),
            identity,
            access_key_id: key.id.clone(),
            session: None,
        };
        Ok(Candidate {
            caller,
            secret: key.secret.clone(),
        })
    }

    /// A session is good until it ends, and one made on a branch is good on that branch only.
    fn check_session(
        &self,
        tx: &Tx,
        request: &Claimed<'_>,
        caller: &Caller,
    ) -> Result<(), AuthError> {
        let Some(session) = &caller.session else {
            return Ok(());
        };
        let state_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
        if state_ms.max(request.wall_ms) >= session.expires_ms {
            return Err(AuthError::ExpiredToken);
        }
        match &session.branch {
            Some(branch) if request.branch != Some(branch) => Err(AuthError::InvalidToken),
            _ => Ok(()),
        }
    }
}

fn session_caller(session: Arc<Session>) -> Caller {
    Caller {
        account: session.account.clone(),
        identity: session.identity.clone(),
        access_key_id: session.access_key_id.clone(),
        session: Some(session),
    }
}

/// Tells one secret of an access key from another, for the cache of signing keys.
fn fingerprint(secret: &str) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::OnceLock;
    static KEYED: OnceLock<RandomState> = OnceLock::new();
    KEYED.get_or_init(RandomState::new).hash_one(secret)
}

/// Sessions opened from their tokens, by the token's hash. When full it is emptied: opening again costs microseconds.
#[derive(Default)]
struct SessionCache(Mutex<HashMap<[u8; 32], Arc<Session>>>);

impl std::fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionCache")
    }
}

impl SessionCache {
    fn open(
        &self,
        token: &str,
        access_key_id: &str,
        env: &Environment,
    ) -> Result<Arc<Session>, AuthError> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&hash)
            .cloned();
        if let Some(session) = known {
            return if session.access_key_id == access_key_id {
                Ok(session)
            } else {
                Err(AuthError::InvalidToken)
            };
        }
        let opened = Session::from_token(token, access_key_id, &*env.seal)
            .map_err(|_| AuthError::InvalidToken)?;
        let session = Arc::new(opened);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= SESSIONS_KEPT {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(&session));
        Ok(session)
    }
}
