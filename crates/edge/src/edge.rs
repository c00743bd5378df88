//! A request from its head to its answer: held, decided, passed on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::BytesMut;
use palisade_waf::{Decision, Moment, Request, Verdict};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::challenge::{self, Challenges};
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
    /// Every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
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
    challenges: Challenges,
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
    pub fn new(
        policy: Policy,
        upstreams: Upstreams,
        settings: Settings,
        challenges: Challenges,
        logs: Logs,
    ) -> Edge {
        Edge {
            policy: ArcSwap::from_pointee(policy),
            upstreams,
            room: Room::new(settings.limits.bodies_bytes_max),
            settings,
            metrics: Metrics::default(),
            challenges,
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

    /// Whether connections begin with a header of the PROXY protocol.
    pub fn expects_proxy_header(&self) -> bool {
        self.settings.proxy_protocol
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
        let id = Uuid::now_v7().to_string();
        let client = challenge::Client {
            head,
            address: peer.client(head.fields(), self.settings.trusted_hops),
            secure: peer.tls.is_some(),
            token_domains: &policy.token_domains,
        };
        if let Some(solution) = head.fields().values(challenge::SOLUTION).next() {
            return Ok(Answer::Own(self.solve(&client, solution, &id)));
        }
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
        let decision = self.decide(&policy, &client, body.framing(), &held, peer, &id);
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
                return Ok(Answer::Own(Own::blocked(response, &id)));
            }
            (
                Ok(Decision {
                    verdict: Verdict::Challenge { .. },
                    ..
                }),
                _,
            ) => {
                let own = self
                    .challenges
                    .challenge(&client, now_ms() / 1000, random(), &id);
                return Ok(Answer::Own(own));
            }
            (Err(Panicked), OnFailure::Open) => &[],
            (Err(Panicked), OnFailure::Closed) => return Ok(Answer::Own(Own::plain(500, &id))),
        };
        let from = peer.address.ip().to_canonical().to_string();
        let added = Added {
            forwarded_for: &from,
            scheme: peer.scheme(),
            port: peer.local.port(),
            host: self.upstreams.authority(),
            inserted,
            upgrade,
        };
        match self.pass_on(head, &added, body, held).await {
            Ok(relay) => Ok(switched(relay, upgrade, &id)),
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

    /// The answer to a solution of a challenge.
    fn solve(&self, client: &challenge::Client<'_>, solution: &[u8], id: &str) -> Own {
        let solved = self
            .challenges
            .solve(client, solution, now_ms() / 1000, random(), id);
        if solved.is_ok() {
            self.metrics.solved.fetch_add(1, Ordering::Relaxed);
        }
        solved.unwrap_or_else(|reason| {
            tracing::debug!(request = id, client = %client.address, %reason, "no solution");
            Own::plain(400, id)
        })
    }

    fn decide(
        &self,
        policy: &Policy,
        client: &challenge::Client<'_>,
        framing: Framing,
        held: &Held,
        peer: &Peer,
        id: &str,
    ) -> Result<Decision, Panicked> {
        let head = client.head;
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
            client: client.address,
            ja3: tls.and_then(|tls| tls.ja3.as_deref()),
            ja4: tls.and_then(|tls| tls.ja4.as_deref()),
        };
        let moment = Moment {
            now_ms: now_ms(),
            token: self.challenges.token(head, &policy.token_domains),
        };
        let begun = Instant::now();
        let decision = policy.decide(&request, &moment);
        let Ok(decided) = &decision else {
            self.metrics.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(request = id, "an inspection panicked");
            return decision;
        };
        let took = begun.elapsed();
        self.metrics.decided(&policy.id, decided, took);
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

/// The response, or the change of protocols that was asked for; one that was not is no answer.
fn switched(relay: Relay, upgrade: Option<&'static str>, id: &str) -> Answer {
    if relay.head.status() != 101 {
        return Answer::Relay(Box::new(relay));
    }
    let head = relay.head.clone();
    match (upgrade, relay.into_wire()) {
        (Some(protocol), Some(wire)) => Answer::Switch(Box::new(head), wire, protocol),
        _ => Answer::Own(Own::plain(502, id)),
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

/// Fresh random bytes.
fn random() -> [u8; 16] {
    *Uuid::new_v4().as_bytes()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
