//! The servers behind: which one is asked, its connections that wait, its health.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::framing::{self, Framing};
use crate::head::{ResponseHead, Version};
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::wire::{Rest, Wire, WireError};

/// Connections to one server that wait for their next request, at most.
const IDLE_MAX: usize = 512;
/// How long one may have waited to be used again: servers end theirs after 5 s and more.
const IDLE_TIME_MAX: Duration = Duration::from_secs(4);
/// The longest time a server that cannot be reached is left alone.
const DOWN_TIME_MAX: Duration = Duration::from_secs(10);
/// Answers of 1xx before the real one, at most.
const INTERIM_MAX: usize = 8;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its share of the requests, against those of the others.
    pub weight: u32,
}

/// Why a text is no address of a server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoAddress {
    /// Another scheme.
    #[error("an upstream is http://HOST:PORT; TLS to it is not served")]
    Scheme,
    /// A path, a query or a user.
    #[error("an upstream has a host and a port, and nothing after them but ,weight=N")]
    More,
    /// No host, or a port that is none.
    #[error("an upstream is http://HOST:PORT")]
    Authority,
    /// A weight that is none.
    #[error("a weight is a number from 1 to 1000")]
    Weight,
}

impl std::str::FromStr for Address {
    type Err = NoAddress;

    /// `http://HOST[:PORT][,weight=N]`.
    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let rest = text.strip_prefix("http://").ok_or(NoAddress::Scheme)?;
        let (rest, weight) = match rest.split_once(",weight=") {
            Some((rest, weight)) => (rest, weight.parse().map_err(|_| NoAddress::Weight)?),
            None => (rest, 1),
        };
        if !(1..=1000).contains(&weight) {
            return Err(NoAddress::Weight);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', ',']) {
            return Err(NoAddress::More);
        }
        let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[end_of_host..].rfind(':') {
            Some(at) => {
                let (host, port) = authority.split_at(end_of_host + at);
                (host, port[1..].parse().map_err(|_| NoAddress::Authority)?)
            }
            None => (authority, 80),
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(NoAddress::Authority);
        }
        Ok(Address { host, port, weight })
    }
}

/// The servers behind.
#[derive(Debug)]
pub struct Upstreams {
    servers: Vec<Arc<Server>>,
    limits: Limits,
    /// What each server is owed, for the order in which they are asked.
    owed: Mutex<Vec<i64>>,
}

#[derive(Debug)]
struct Server {
    address: Address,
    authority: String,
    idle: Mutex<Vec<(Wire<TcpStream>, Instant)>>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    down_until: Option<Instant>,
}

/// Why no answer came from behind.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// No server can be reached.
    #[error("no upstream can be reached: {0}")]
    Unreachable(io::Error),
    /// The connection broke before the answer.
    #[error("the upstream's connection broke: {0}")]
    Broken(WireError),
    /// No answer in time.
    #[error("the upstream did not answer in time")]
    Slow,
    /// The request's own body broke off.
    #[error("the request broke off: {0}")]
    Request(WireError),
}

impl UpstreamError {
    /// The status that tells it.
    pub fn status(&self) -> u16 {
        match self {
            UpstreamError::Unreachable(_) | UpstreamError::Broken(_) => 502,
            UpstreamError::Slow => 504,
            UpstreamError::Request(WireError::Refused(refusal)) => refusal.status(),
            UpstreamError::Request(WireError::Io(_)) => 400,
        }
    }
}

/// A request as it goes to a server behind.
#[derive(Debug)]
pub struct Outgoing<'r> {
    /// Its head, written.
    pub head: &'r [u8],
    /// Its body, or what of it is here.
    pub body: &'r [u8],
    /// Whether the method is `HEAD`.
    pub is_head: bool,
    /// Whether it may be sent twice: the method changes nothing.
    pub repeatable: bool,
}

/// A response of which the head has been read.
#[derive(Debug)]
pub struct Relay {
    /// The head.
    pub head: ResponseHead,
    /// How its body is framed.
    pub framing: Framing,
    wire: Option<Wire<TcpStream>>,
    rest: Rest,
    server: Arc<Server>,
    /// Whether the connection serves again after this.
    keep: bool,
}

/// A connection that a request was written to.
#[derive(Debug)]
pub struct Asked {
    wire: Wire<TcpStream>,
    server: Arc<Server>,
    is_head: bool,
}

impl Upstreams {
    /// These servers; there is at least one.
    pub fn new(addresses: Vec<Address>, limits: Limits) -> Upstreams {
        let server = |address: Address| {
            let authority = match address.host.contains(':') {
                true => format!("[{}]:{}", address.host, address.port),
                false => format!("{}:{}", address.host, address.port),
            };
            Arc::new(Server {
                address,
                authority,
                idle: Mutex::default(),
                health: Mutex::default(),
            })
        };
        let servers: Vec<_> = addresses.into_iter().map(server).collect();
        Upstreams {
            owed: Mutex::new(vec![0; servers.len()]),
            servers,
            limits,
        }
    }

    /// What `Host` is where a request has none.
    pub fn authority(&self) -> &str {
        self.servers.first().map_or("", |server| &server.authority)
    }

    /// Sends a whole request and reads the head of its response. Where a connection that waited turns out to be closed, and nothing can
    /// have come of the request, it is sent again.
    ///
    /// # Errors
    /// Where no server answers.
    pub async fn send(&self, request: &Outgoing<'_>) -> Result<Relay, UpstreamError> {
        let mut fresh_only = false;
        loop {
            let (asked, waited) = self.write(request, fresh_only).await?;
            match asked.response(&self.limits).await {
                Err(UpstreamError::Broken(error))
                    if waited && request.repeatable && is_end(&error) =>
                {
                    fresh_only = true;
                }
                answer => return answer,
            }
        }
    }

    /// Writes a request, or its beginning, to a server; whether its connection had waited.
    ///
    /// # Errors
    /// Where no server can be reached.
    pub async fn write(
        &self,
        request: &Outgoing<'_>,
        fresh_only: bool,
    ) -> Result<(Asked, bool), UpstreamError> {
        let mut failed = None;
        for server in self.in_turn() {
            let waiting = if fresh_only { None } else { server.waiting() };
            let waited = waiting.is_some();
            let connected = match waiting {
                Some(wire) => Ok(wire),
                None => server.connect(&self.limits).await,
            };
            let written = match connected {
                Ok(mut wire) => match put(&mut wire, request).await {
                    Ok(()) => Ok(wire),
                    // It was closed while it waited: nobody has read the request.
                    Err(_) if waited => self.again(&server, request).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            match written {
                Ok(wire) => {
                    let is_head = request.is_head;
                    return Ok((
                        Asked {
                            wire,
                            server,
                            is_head,
                        },
                        waited,
                    ));
                }
                Err(error) => failed = Some(error),
            }
        }
        let error = failed.unwrap_or_else(|| io::Error::other("there is none"));
        Err(UpstreamError::Unreachable(error))
    }

    async fn again(&self, server: &Server, request: &Outgoing<'_>) -> io::Result<Wire<TcpStream>> {
        let mut wire = server.connect(&self.limits).await?;
        put(&mut wire, request).await?;
        Ok(wire)
    }

    /// The servers in the order in which they are to be asked: by weight; those that are down come last.
    fn in_turn(&self) -> Vec<Arc<Server>> {
        let [server] = &self.servers[..] else {
            return self.several_in_turn();
        };
        vec![Arc::clone(server)]
    }

    fn several_in_turn(&self) -> Vec<Arc<Server>> {
        let now = Instant::now();
        let up: Vec<bool> = self
            .servers
            .iter()
            .map(|server| server.is_up(now))
            .collect();
        let mut owed = lock(&self.owed);
        let total: i64 = self.weights().sum();
        for (owed, weight) in owed.iter_mut().zip(self.weights()) {
            *owed += weight;
        }
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        order.sort_by_key(|index| (!up[*index], -owed[*index]));
        if let Some(first) = order.first() {
            owed[*first] -= total;
        }
        drop(owed);
        order
            .into_iter()
            .map(|index| Arc::clone(&self.servers[index]))
            .collect()
    }

    fn weights(&self) -> impl Iterator<Item = i64> {
        self.servers
            .iter()
            .map(|server| i64::from(server.address.weight))
    }
}

async fn put(wire: &mut Wire<TcpStream>, request: &Outgoing<'_>) -> io::Result<()> {
    wire.write(request.head).await?;
    if !request.body.is_empty() {
        wire.write(request.body).await?;
    }
    Ok(())
}

impl Server {
    fn is_up(&self, now: Instant) -> bool {
        lock(&self.health)
            .down_until
            .is_none_or(|until| until <= now)
    }

    async fn connect(&self, limits: &Limits) -> io::Result<Wire<TcpStream>> {
        let address = (&self.address.host[..], self.address.port);
        let connected =
            tokio::time::timeout(limits.connect_time_max, TcpStream::connect(address)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut health = lock(&self.health);
        match connected {
            Ok(stream) => {
                if health.failures > 0 {
                    tracing::info!(upstream = self.authority, "the upstream is reached again");
                }
                *health = Health::default();
                let _ = stream.set_nodelay(true);
                Ok(Wire::new(stream))
            }
            Err(error) => {
                let pause = Duration::from_millis(250) * 2u32.pow(health.failures.min(6));
                health.failures += 1;
                health.down_until = Some(Instant::now() + pause.min(DOWN_TIME_MAX));
                tracing::warn!(upstream = self.authority, %error, "the upstream cannot be reached");
                Err(error)
            }
        }
    }

    /// A connection that waits and is still open.
    fn waiting(&self) -> Option<Wire<TcpStream>> {
        loop {
            let (mut wire, since) = lock(&self.idle).pop()?;
            // Whatever can be read now is its end, or nothing that was asked for.
            let silent = matches!(
                wire.stream().try_read(&mut [0]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock
            );
            if silent && since.elapsed() < IDLE_TIME_MAX {
                return Some(wire);
            }
        }
    }

    fn keep(&self, wire: Wire<TcpStream>) {
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_MAX {
            idle.push((wire, Instant::now()));
        }
    }
}

impl Asked {
    /// The connection, to write more of the request to.
    pub fn wire(&mut self) -> &mut Wire<TcpStream> {
        &mut self.wire
    }

    /// Waits for the head of the response.
    ///
    /// # Errors
    /// Where it does not come, or is none.
    pub async fn response(self, limits: &Limits) -> Result<Relay, UpstreamError> {
        let (mut wire, server, is_head) = (self.wire, self.server, self.is_head);
        let waiting = tokio::time::timeout(limits.answer_time_max, final_head(&mut wire, limits));
        let head = waiting.await.map_err(|_| UpstreamError::Slow)?;
        let head = head.map_err(UpstreamError::Broken)?;
        let framing = framing::of_response(&head, is_head)
            .map_err(|refusal| UpstreamError::Broken(refusal.into()))?;
        let keep = head.version() == Version::Http11
            && framing != Framing::UntilClose
            && !head.fields().lists("connection", "close");
        let mut relay = Relay {
            head,
            framing,
            wire: Some(wire),
            rest: framing.into(),
            server,
            keep,
        };
        relay.give_back();
        Ok(relay)
    }

    /// Ends once the response has begun to come, or the connection has ended. May be dropped while it waits.
    pub async fn answers(&mut self) {
        if !self.wire.has_bytes() {
            let _ = self.wire.fill(1024).await;
        }
    }
}

/// Whether the connection ended, rather than said something that is no answer.
fn is_end(error: &WireError) -> bool {
    matches!(
        error,
        WireError::Io(_) | WireError::Refused(Refusal::Truncated)
    )
}

/// The head of the response; those of 1xx before it are dropped.
async fn final_head(
    wire: &mut Wire<TcpStream>,
    limits: &Limits,
) -> Result<ResponseHead, WireError> {
    for _ in 0..=INTERIM_MAX {
        let bytes = wire
            .head(limits.head_bytes_max)
            .await?
            .ok_or(Refusal::Truncated)?;
        let head = ResponseHead::parse(bytes, limits.response_fields_max)?;
        if !matches!(head.status(), 100 | 102..200) {
            return Ok(head);
        }
    }
    Err(Refusal::HeadTooLong.into())
}

impl Relay {
    /// The next bytes of the body; nothing at its end.
    ///
    /// # Errors
    /// Where it breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, WireError> {
        let Some(wire) = &mut self.wire else {
            return Ok(None);
        };
        let piece = self.rest.next(wire).await?;
        self.give_back();
        Ok(piece)
    }

    /// Whether bytes of the body are here already.
    pub fn has_bytes(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::has_bytes)
    }

    /// Whether the body has been read to its end.
    pub fn is_over(&self) -> bool {
        self.rest.is_over()
    }

    /// The connection, of a response of 101: it speaks another protocol now.
    pub fn into_wire(self) -> Option<Wire<TcpStream>> {
        self.wire
    }

    /// A connection that has been read to the end of its response waits for the next request.
    fn give_back(&mut self) {
        if self.rest.is_over()
            && self.head.status() != 101
            && let Some(wire) = self.wire.take()
            && self.keep
            && !wire.has_bytes()
        {
            self.server.keep(wire);
        }
    }
}

/// What a lock guards is valid at any time, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| text.parse::<Address>().map(|a| (a.host, a.port, a.weight));
        assert_eq!(read("http://a.example"), Ok(("a.example".into(), 80, 1)));
        assert_eq!(read("http://[::1]:9000/"), Ok(("::1".into(), 9000, 1)));
        assert_eq!(read("http://[::1]"), Ok(("::1".into(), 80, 1)));
        assert_eq!(read("http://a:1,weight=3"), Ok(("a".into(), 1, 3)));
        assert_eq!(read("https://a"), Err(NoAddress::Scheme));
        assert_eq!(read("http://a/b"), Err(NoAddress::More));
        assert_eq!(read("http://u@a"), Err(NoAddress::More));
        assert_eq!(read("http://:80"), Err(NoAddress::Authority));
        assert_eq!(read("http://a:99999"), Err(NoAddress::Authority));
        assert_eq!(read("http://a:1,weight=0"), Err(NoAddress::Weight));
    }

    #[test]
    fn servers_are_asked_by_weight_and_those_that_are_down_last() {
        let addresses = ["http://a,weight=3", "http://b"].map(|text| text.parse().unwrap());
        let upstreams = Upstreams::new(addresses.into(), Limits::default());
        let first = || upstreams.in_turn()[0].address.host.clone();
        let turns: String = (0..8).map(|_| first()).collect();
        assert_eq!(turns.matches('a').count(), 6, "{turns}");
        assert_eq!(turns.matches('b').count(), 2, "{turns}");
        lock(&upstreams.servers[0].health).down_until = Some(Instant::now() + DOWN_TIME_MAX);
        assert_eq!((0..8).map(|_| first()).collect::<String>(), "bbbbbbbb");
        assert_eq!(upstreams.in_turn().len(), 2);
    }
}
