//! What the journal keeps of a call: who, when and from where, what was asked, what was answered, and the authorization questions
//! behind it, so that the same questions can be put to another policy later.
//!
//! Stored as arrays: fields are only ever appended, with `#[serde(default)]`, so that older records stay readable.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccountId, Caller, Identity, Region};

/// A call, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiCall {
    /// The request's id, as the client saw it.
    pub request_id: Uuid,
    /// State time in milliseconds.
    pub time_ms: i64,
    /// The model's name of the service, such as `iam`.
    pub service: String,
    /// The operation's name.
    pub operation: String,
    /// Where it was called.
    pub region: Region,
    /// Who called.
    pub caller: RecordedCaller,
    /// The client's address.
    pub source_ip: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// The TLS connection, where there was one.
    pub tls: Option<TlsDetails>,
    /// Whether the call only reads.
    pub read_only: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The request in CloudTrail's form (JSON), what is sensitive left out; `None` where it is null.
    pub request_parameters: Option<String>,
    /// The answer in CloudTrail's form (JSON), of calls that change something or give credentials.
    pub response_elements: Option<String>,
    /// CloudTrail's `additionalEventData` (JSON).
    pub additional_event_data: Option<String>,
    /// The resources the call touched.
    pub resources: Vec<RecordedResource>,
    /// The what-if branch it was made on.
    pub branch: Option<String>,
    /// Set on calls that show in more than one account.
    pub shared_event_id: Option<Uuid>,
    /// Set on what a service did by itself, asked by nobody: CloudTrail's `serviceEventDetails` (JSON), empty where there are none.
    #[serde(default)]
    pub service_event: Option<String>,
}

/// The name of the service that stands behind what services do by themselves.
pub const AWS_INTERNAL: &str = "AWS Internal";

/// A caller as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCaller {
    /// The account whose credentials were used.
    pub account: AccountId,
    /// The principal.
    pub identity: Identity,
    /// The access key the request was signed with.
    pub access_key_id: String,
    /// The session, for temporary credentials.
    pub session: Option<RecordedSession>,
}

/// A session as recorded: all that decides, nothing that signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedSession {
    /// When it was handed out, in milliseconds.
    pub issued_ms: i64,
    /// The request that handed it out.
    pub issued_by: Uuid,
    /// Session policies given inline.
    pub policies: Vec<String>,
    /// Session policies given by ARN.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// The source identity.
    pub source_identity: Option<String>,
    /// Keys of the session tags that the next role in a chain inherits.
    #[serde(default)]
    pub transitive_tag_keys: Vec<String>,
}

/// The TLS connection of a call, as CloudTrail's `tlsDetails` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsDetails {
    /// `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher_suite: String,
    /// The host name the client asked for.
    pub host: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused by policy.
    Denied {
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
    /// Failed otherwise.
    Failed {
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
}

/// A resource a call touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedResource {
    /// Its ARN.
    pub arn: String,
    /// The owning account.
    pub account: Option<AccountId>,
    /// CloudTrail's resource type, such as `AWS::IAM::User`.
    pub kind: String,
    /// The name LookupEvents finds it by.
    pub name: String,
}

/// An authorization question and its answer at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The IAM action.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource.
    pub resource_account: Option<AccountId>,
    /// The condition keys of the request, all but those that follow from the principal.
    pub context: Vec<(String, Vec<String>)>,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why, in short: `allow`, `explicit:scp`, `implicit:identity`, …
    pub reason: String,
    /// The statements that decided.
    pub deciding: Vec<Deciding>,
}

/// A statement that decided a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deciding {
    /// The kind of policy, such as `identity`.
    pub layer: String,
    /// The policy's ARN, or `inline:NAME`.
    pub policy: String,
    /// The statement's number in the policy, from 0.
    pub statement: u32,
    /// The statement's Sid.
    pub sid: Option<String>,
}

impl ApiCall {
    /// The bytes the journal keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        packed(self, CALL_BYTES_USUAL)
    }

    /// Reads what [`ApiCall::to_bytes`] made; `None` for a body that retention dropped or that is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }

    /// The event's id: the request's, with its random half turned over, so that neither needs an index of its own and both
    /// find their record through the time they carry.
    pub fn event_id(&self) -> Uuid {
        turn_over(self.request_id)
    }

    /// The id of the event in `recipient`'s history. The account that called and another that sees the call have an event each.
    pub fn event_id_for(&self, recipient: &AccountId) -> Uuid {
        if self.caller.account == *recipient {
            self.event_id()
        } else {
            turn_over_for_others(self.request_id)
        }
    }
}

/// What a call and a question usually take, so that their bytes are not moved as they grow.
const CALL_BYTES_USUAL: usize = 768;
const QUESTION_BYTES_USUAL: usize = 512;

fn packed<T: Serialize + ?Sized>(value: &T, bytes_usual: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bytes_usual);
    let written = value.serialize(&mut rmp_serde::Serializer::new(&mut bytes));
    // Serialising plain data into memory cannot fail.
    written.expect("plain data serialises");
    bytes
}

/// Maps a request's id to its event's, and back.
pub fn turn_over(id: Uuid) -> Uuid {
    turned(id, 0xa5)
}

/// Maps a request's id to the event's that another account than the caller's sees, and back.
pub fn turn_over_for_others(id: Uuid) -> Uuid {
    turned(id, 0x5a)
}

fn turned(id: Uuid, mask: u8) -> Uuid {
    let mut bytes = *id.as_bytes();
    for byte in &mut bytes[9..] {
        *byte ^= mask;
    }
    Uuid::from_bytes(bytes)
}

impl RecordedCaller {
    /// The caller's ARN.
    pub fn arn(&self) -> String {
        self.identity.arn(&self.account)
    }

    /// The caller's unique id, as `aws:userid` gives it.
    pub fn user_id(&self) -> String {
        self.identity.user_id(&self.account)
    }
}

impl Question {
    /// The bytes the journal keeps of a call's questions.
    pub fn list_to_bytes(questions: &[Self]) -> Vec<u8> {
        packed(questions, QUESTION_BYTES_USUAL * questions.len())
    }

    /// Reads what [`Question::list_to_bytes`] made.
    pub fn list_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        rmp_serde::from_slice(bytes).ok()
    }
}

impl RecordedCaller {
    /// The caller again, to put its questions to another state. It can sign nothing.
    pub fn to_caller(&self) -> Caller {
        let session = self.session.as_ref().map(|recorded| {
            std::sync::Arc::new(crate::Session::recalled(
                &self.account,
                &self.identity,
                &self.access_key_id,
                recorded,
            ))
        });
        Caller {
            account: self.account.clone(),
            identity: self.identity.clone(),
            access_key_id: self.access_key_id.clone(),
            session,
        }
    }

    /// Equal for callers whose policies, tags and names are the same: all that decides, without what differs from one session of
    /// a role to the next (its key and its time).
    pub fn fingerprint(&self) -> Vec<u8> {
        let session = self
            .session
            .as_ref()
            .map(|s| (&s.policies, &s.policy_arns, &s.tags, &s.source_identity));
        rmp_serde::to_vec(&(&self.account, &self.identity, session)).expect("a caller serialises")
    }
}

impl From<&Caller> for RecordedCaller {
    fn from(caller: &Caller) -> Self {
        Self {
            account: caller.account.clone(),
            identity: caller.identity.clone(),
            access_key_id: caller.access_key_id.clone(),
            session: caller.session.as_ref().map(|s| RecordedSession {
                issued_ms: s.issued_ms,
                issued_by: s.issued_by,
                policies: s.policies.clone(),
                policy_arns: s.policy_arns.clone(),
                tags: s.tags.clone(),
                source_identity: s.source_identity.clone(),
                transitive_tag_keys: s.transitive_tag_keys.clone(),
            }),
        }
    }
}
