//! A client's connection that speaks HTTP/1: one request after another.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::client::Peer;
use crate::edge::{Answer, Edge};
use crate::framing::{self, Framing};
use crate::head::{RequestHead, Version};
use crate::hold::Body;
use crate::message::{self, LAST_CHUNK, Own, Told};
use crate::refusal::Refusal;
use crate::upstream::Relay;
use crate::wire::{Rest, Stream, Wire, WireError};

/// Bytes of an answer that are gathered before they are written.
const GATHERED_BYTES: usize = 16 * 1024;

/// Answers the requests of a connection until it ends, or until `stop` turns true and none is running.
pub async fn serve<S: Stream>(
    stream: S,
    peer: &Peer,
    edge: &Edge,
    mut stop: watch::Receiver<bool>,
) {
    let mut wire = Wire::new(stream);
    loop {
        if !wire.has_bytes()
            && !next_begins(&mut wire, edge.limits().idle_time_max, &mut stop).await
        {
            return wire.close().await;
        }
        match request(&mut wire, peer, edge, &stop).await {
            Ok(After::Next) => {}
            Ok(After::Close) => return wire.close().await,
            Ok(After::Ended) => return,
            Err(WireError::Io(_)) => return,
            Err(WireError::Refused(refusal)) => {
                edge.metrics().refused.fetch_add(1, Ordering::Relaxed);
                let id = uuid::Uuid::now_v7().to_string();
                tracing::debug!(request = id, client = %peer.address, reason = %refusal, "refused");
                let own = Own::plain(refusal.status(), &id);
                let _ = wire.write(&own.bytes(Some("close"), false)).await;
                return wire.close().await;
            }
        }
    }
}

/// Waits for the first byte of the next request; whether it came.
async fn next_begins<S: Stream>(
    wire: &mut Wire<S>,
    time_max: Duration,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        biased;
        read = timeout(time_max, wire.fill(4096)) => matches!(read, Ok(Ok(1..))),
        _ = stop.wait_for(|stopping| *stopping) => false,
    }
}

/// What becomes of the connection after an answer.
enum After {
    Next,
    Close,
    /// It is over already.
    Ended,
}

async fn request<S: Stream>(
    wire: &mut Wire<S>,
    peer: &Peer,
    edge: &Edge,
    stop: &watch::Receiver<bool>,
) -> Result<After, WireError> {
    let limits = edge.limits();
    let bytes = timeout(limits.head_time_max, wire.head(limits.head_bytes_max)).await;
    let Some(bytes) = bytes.map_err(|_| Refusal::SlowHead)?? else {
        return Ok(After::Ended);
    };
    let head = RequestHead::parse(bytes, limits.fields_max)?;
    let framing = framing::of_request(&head)?;
    let mut body = ClientBody {
        framing,
        rest: framing.into(),
        waits: expects(&head)? && framing != Framing::Empty,
        wire,
    };
    let answer = edge.answer(&head, &mut body, peer).await?;
    let over = body.rest.is_over();
    let keep = over && !*stop.borrow() && lives_on(&head);
    let reply = Reply {
        to_head: head.method() == b"HEAD",
        old: head.version() == Version::Http10,
        keep,
    };
    match answer {
        Answer::Own(own) => {
            wire.write(&own.bytes(reply.connection(), reply.to_head))
                .await?;
            Ok(reply.after(true))
        }
        Answer::Relay(relay) => {
            let whole = reply.relay(wire, *relay, limits.answer_time_max).await?;
            Ok(if whole {
                reply.after(true)
            } else {
                After::Ended
            })
        }
        Answer::Switch(head, mut behind, protocol) => {
            wire.write(&message::switch_head(&head, protocol)).await?;
            tunnel(wire, &mut behind).await?;
            Ok(After::Ended)
        }
    }
}

/// Whether the client waits for 100 before it sends its body.
fn expects(head: &RequestHead) -> Result<bool, Refusal> {
    match head.fields().only("expect") {
        Ok(None) => Ok(false),
        Ok(Some(value)) if value.eq_ignore_ascii_case(b"100-continue") => {
            Ok(head.version() != Version::Http10)
        }
        _ => Err(Refusal::Expectation),
    }
}

/// Whether the client wants to use the connection again.
fn lives_on(head: &RequestHead) -> bool {
    let fields = head.fields();
    match head.version() {
        Version::Http10 => fields.lists("connection", "keep-alive"),
        _ => !fields.lists("connection", "close"),
    }
}

/// The body of a request on its connection.
struct ClientBody<'w, S> {
    wire: &'w mut Wire<S>,
    framing: Framing,
    rest: Rest,
    /// The client waits to be told to send it.
    waits: bool,
}

impl<S: Stream> Body for ClientBody<'_, S> {
    fn framing(&self) -> Framing {
        self.framing
    }

    async fn next(&mut self) -> Result<Option<Bytes>, WireError> {
        if std::mem::take(&mut self.waits) && !self.wire.has_bytes() {
            self.wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        self.rest.next(self.wire).await
    }
}

/// How an answer is written.
struct Reply {
    to_head: bool,
    /// The client speaks HTTP/1.0.
    old: bool,
    /// The connection lives on, as far as the request goes.
    keep: bool,
}

impl Reply {
    /// What `Connection` says, where it has to.
    fn connection(&self) -> Option<&'static str> {
        match (self.keep, self.old) {
            (false, _) => Some("close"),
            (true, true) => Some("keep-alive"),
            (true, false) => None,
        }
    }

    fn after(&self, framed: bool) -> After {
        match self.keep && framed {
            true => After::Next,
            false => After::Close,
        }
    }

    /// Writes the response of a server behind; whether all of it came.
    async fn relay<S: Stream>(
        &self,
        wire: &mut Wire<S>,
        mut relay: Relay,
        time_max: Duration,
    ) -> Result<bool, WireError> {
        let told = match relay.framing {
            Framing::Length(bytes) => Told::Length(bytes),
            Framing::Empty => empty_length(&relay, self.to_head),
            Framing::Chunked | Framing::UntilClose if self.old => Told::Nothing,
            Framing::Chunked | Framing::UntilClose => Told::Chunked,
        };
        // Without a length, the end of the connection is the end of the body.
        let ends = self.old && matches!(relay.framing, Framing::Chunked | Framing::UntilClose);
        let connection = if ends {
            Some("close")
        } else {
            self.connection()
        };
        let mut out = message::response_head(&relay.head, told, connection);
        loop {
            let piece = timeout(time_max, relay.next()).await;
            // A response that breaks off must not look whole: the connection ends within it.
            let Ok(Ok(piece)) = piece else {
                wire.write(&out).await?;
                return Ok(false);
            };
            let Some(piece) = piece else { break };
            match told {
                Told::Chunked => message::put_chunk(&mut out, &piece),
                _ if piece.len() > GATHERED_BYTES => {
                    wire.write(&out).await?;
                    wire.write(&piece).await?;
                    out.clear();
                }
                _ => out.extend_from_slice(&piece),
            }
            if out.len() >= GATHERED_BYTES || !relay.has_bytes() && !relay.is_over() {
                wire.write(&out).await?;
                out.clear();
            }
        }
        if told == Told::Chunked {
            out.extend_from_slice(LAST_CHUNK);
        }
        if !out.is_empty() {
            wire.write(&out).await?;
        }
        Ok(!ends)
    }
}

/// What a response without body says of its length: to `HEAD` what the body would have had.
fn empty_length(relay: &Relay, to_head: bool) -> Told {
    if matches!(relay.head.status(), 100..200 | 204) {
        return Told::Nothing;
    }
    let said = relay.head.fields().values("content-length").next();
    let length = said.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    match length {
        Some(bytes) => Told::Length(bytes),
        None if to_head || relay.head.status() == 304 => Told::Nothing,
        None => Told::Length(0),
    }
}

/// Passes bytes both ways until one side ends.
async fn tunnel<S: Stream>(
    client: &mut Wire<S>,
    behind: &mut Wire<TcpStream>,
) -> Result<(), WireError> {
    let early: BytesMut = client.bytes().split();
    behind.write(&early).await?;
    let early: BytesMut = behind.bytes().split();
    client.write(&early).await?;
    tokio::io::copy_bidirectional(client.stream(), behind.stream()).await?;
    Ok(())
}
