//! A request from its head to its answer: held, decided, passed on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::BytesMut;
use palisade_waf::{Decision, Moment, Request, TokenState, Verdict};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::client::Peer;
use crate::framing::Framing;
use crate::head::{RequestHead, ResponseHead};
use crate::hold::{Body, Held, Room, hold};
use crate::limits::Limits;
use crate::log::{Entry, Logs};
use crate::message::{self, Added, LAST_CHUNK, Own, Told};
use crate::metrics::Metrics;
use crate::policy::{Panicked, Policy};
use crate::refusal::Refusal;
use crate::upstream::{Outgoing, Relay, UpstreamError, Upstreams};
use crate::wire::{Wire, WireError};

/// What happens to a body that is longer than what is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongBody {
    /// The rest goes on unseen, as before AWS's resources.
    PassesOn,
    /// The request is answered 413.
    Refused,
}

/// What happens to a request whose inspection fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on.
    Open,
    /// It is answered 500.
    #[default]
    Closed,
}

/// How the listener behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a client may cost.
    pub limits: Limits,
    /// What happens to long bodies.
    pub long_body: LongBody,
    /// What happens where an inspection fails.
    pub on_failure: OnFailure,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub trusted_hops: usize,
    /// What the listener is called in log records.
    pub name: String,
}

/// What stands between clients and the servers behind.
#[derive(Debug)]
pub struct Edge {
    policy: ArcSwap<Policy>,
    upstreams: Upstreams,
    room: Room,
    settings: Settings,
    metrics: Metrics,
    logs: Logs,
}

/// What a client is answered.
#[derive(Debug)]
pub enum Answer {
    /// An answer from here.
    Own(Own),
    /// The response of a server behind.
    Relay(Box<Relay>),
    /// The connection changes to another protocol, of this name.
    Switch(Box<ResponseHead>, Wire<TcpStream>, &'static str),
}

impl Edge {
    /// An edge with this ACL before these servers.
    pub fn new(policy: Policy, upstreams: Upstreams, settings: Settings, logs: Logs) -> Edge {
        Edge {
            policy: ArcSwap::from_pointee(policy),
            upstreams,
            room: Room::new(settings.limits.bodies_bytes_max),
            settings,
            metrics: Metrics::default(),
            logs,
        }
    }

    /// What is written of requests.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// What a client may cost.
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The ACL in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts another ACL in force, for every request whose inspection has not begun.
    pub fn replace(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Where the request itself cannot be read, or is refused.
    pub async fn answer<B: Body>(
        &self,
        head: &RequestHead,
        body: &mut B,
        peer: &Peer,
    ) -> Result<Answer, WireError> {
        let upgrade = upgrade(head)?;
        let policy = self.policy.load_full();
        let bytes_max = policy.acl.body_limit_bytes();
        let refused = self.settings.long_body == LongBody::Refused;
        if refused && matches!(body.framing(), Framing::Length(bytes) if bytes > bytes_max as u64) {
            return Err(Refusal::BodyTooLong.into());
        }
        let time_max = self.settings.limits.body_time_max;
        let held = hold(body, bytes_max, &self.room, time_max).await?;
        if refused && !held.complete {
            return Err(Refusal::BodyTooLong.into());
        }
        let id = Uuid::now_v7().to_string();
        let decision = self.decide(&policy, head, body.framing(), &held, peer, &id);
        self.metrics.requests.fetch_add(1, Ordering::Relaxed);
        let inserted = match (&decision, self.settings.on_failure) {
            (
                Ok(Decision {
                    verdict: Verdict::Allow,
                    insert_headers,
                    ..
                }),
                _,
            ) => &insert_headers[..],
            (
                Ok(Decision {
                    verdict: Verdict::Block(response),
                    ..
                }),
                _,
            ) => {
                self.metrics.blocked.fetch_add(1, Ordering::Relaxed);
                return Ok(Answer::Own(Own::blocked(response, &id)));
            }
            (
                Ok(Decision {
                    verdict: Verdict::Challenge { .. },
                    ..
                }),
                _,
            ) => {
                return Ok(Answer::Own(Own::challenge(&id)));
            }
            (Err(Panicked), OnFailure::Open) => &[],
            (Err(Panicked), OnFailure::Closed) => return Ok(Answer::Own(Own::plain(500, &id))),
        };
        let client = peer.address.ip().to_canonical().to_string();
        let added = Added {
            forwarded_for: &client,
            scheme: peer.scheme(),
            port: peer.local.port(),
            host: self.upstreams.authority(),
            inserted,
            upgrade,
        };
        match self.pass_on(head, &added, body, held).await {
            Ok(relay) => Ok(switched(relay, upgrade)),
            Err(UpstreamError::Request(error)) => Err(error),
            Err(error) => {
                self.metrics
                    .upstream_failures
                    .fetch_add(1, Ordering::Relaxed);
                tracing::warn!(request = id, %error, "no answer from behind");
                Ok(Answer::Own(Own::plain(error.status(), &id)))
            }
        }
    }

    fn decide(
        &self,
        policy: &Policy,
        head: &RequestHead,
        framing: Framing,
        held: &Held,
        peer: &Peer,
        id: &str,
    ) -> Result<Decision, Panicked> {
        let fields: Vec<(&[u8], &[u8])> = head.fields().iter().collect();
        let tls = peer.tls.as_ref();
        let request = Request {
            method: head.method(),
            uri: head.target(),
            version: head.version().name(),
            headers: &fields,
            body: &held.bytes,
            body_complete: held.complete,
            body_known: true,
            client: peer.client(head.fields(), self.settings.trusted_hops),
            ja3: tls.and_then(|tls| tls.ja3.as_deref()),
            ja4: tls.and_then(|tls| tls.ja4.as_deref()),
        };
        let moment = Moment {
            now_ms: now_ms(),
            token: TokenState::Missing,
        };
        let begun = Instant::now();
        let decision = policy.decide(&request, &moment);
        let Ok(decided) = &decision else {
            self.metrics.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(request = id, "an inspection panicked");
            return decision;
        };
        let took = begun.elapsed();
        self.logs.write(&Entry {
            now_ms: moment.now_ms,
            id,
            policy,
            decision: decided,
            head,
            body: &held.bytes,
            body_complete: held.complete,
            body_length: match framing {
                Framing::Length(bytes) => Some(bytes),
                _ => None,
            },
            client: request.client,
            scheme: peer.scheme(),
            ja3: request.ja3,
            ja4: request.ja4,
            token: moment.token,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            source: &self.settings.name,
        });
        decision
    }

    /// Sends the request to a server behind, its body whole where it is held whole.
    async fn pass_on<B: Body>(
        &self,
        head: &RequestHead,
        added: &Added<'_>,
        body: &mut B,
        held: Held,
    ) -> Result<Relay, UpstreamError> {
        let told = match (body.framing(), held.complete) {
            (Framing::Empty, _) if head.fields().values("content-length").next().is_none() => {
                Told::Nothing
            }
            (_, true) => Told::Length(held.bytes.len() as u64),
            (Framing::Length(bytes), false) => Told::Length(bytes),
            (_, false) => Told::Chunked,
        };
        let mut start = message::request_head(head, added, told);
        let mut outgoing = Outgoing {
            head: &[],
            body: &held.bytes,
            is_head: head.method() == b"HEAD",
            repeatable: held.complete
                && matches!(head.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE"),
        };
        if held.complete {
            outgoing.head = &start;
            return self.upstreams.send(&outgoing).await;
        }
        put(&mut start, told, &held.bytes);
        (outgoing.head, outgoing.body) = (&start, &[]);
        let (mut asked, _) = self.upstreams.write(&outgoing, true).await?;
        drop(held);
        loop {
            let piece = tokio::select! {
                piece = tokio::time::timeout(self.settings.limits.body_time_max, body.next()) => piece,
                () = asked.answers() => break,
            };
            let piece = piece.unwrap_or(Err(Refusal::SlowBody.into()));
            let Some(piece) = piece.map_err(UpstreamError::Request)? else {
                if told == Told::Chunked {
                    let _ = asked.wire().write(LAST_CHUNK).await;
                }
                break;
            };
            let mut out = BytesMut::with_capacity(piece.len() + 16);
            put(&mut out, told, &piece);
            // Who does not read on may have answered already.
            if asked.wire().write(&out).await.is_err() {
                break;
            }
        }
        asked.response(&self.settings.limits).await
    }
}

fn put(out: &mut BytesMut, told: Told, bytes: &[u8]) {
    match told {
        Told::Chunked => message::put_chunk(out, bytes),
        _ => out.extend_from_slice(bytes),
    }
}

fn switched(relay: Relay, upgrade: Option<&'static str>) -> Answer {
    match upgrade {
        Some(protocol) if relay.head.status() == 101 => {
            let head = relay.head.clone();
            match relay.into_wire() {
                Some(wire) => Answer::Switch(Box::new(head), wire, protocol),
                None => Answer::Own(Own::plain(502, "")),
            }
        }
        _ => Answer::Relay(Box::new(relay)),
    }
}

/// The protocol a client asks to change to, where that is one that goes through. Others are not passed on, and HTTP/2 is refused.
fn upgrade(head: &RequestHead) -> Result<Option<&'static str>, Refusal> {
    let fields = head.fields();
    if fields.lists("upgrade", "h2c") || fields.values("http2-settings").next().is_some() {
        return Err(Refusal::UpgradeToH2c);
    }
    let web_socket = head.method() == b"GET"
        && fields.lists("connection", "upgrade")
        && matches!(fields.only("upgrade"), Ok(Some(value)) if value.eq_ignore_ascii_case(b"websocket"));
    Ok(web_socket.then_some("websocket"))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
