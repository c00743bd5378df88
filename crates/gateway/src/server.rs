//! The listeners: connections, TLS, limits, and a stop that lets running requests end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use palisade_core::record::TlsDetails;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Door;
use crate::body::ResponseBody;

/// What a client may cost. Whatever is beyond is refused, never served slowly.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Bytes of a request's head; session tokens of 24 KiB must fit.
    pub head_bytes_max: usize,
    /// Header fields of a request.
    pub header_fields_max: usize,
    /// How long a request's head may take.
    pub head_time_max: Duration,
    /// How long a body may take.
    pub body_time_max: Duration,
    /// Bytes that the bodies of all requests may take at once.
    pub bodies_bytes_max: usize,
    /// How long a request may take in all.
    pub request_time_max: Duration,
    /// How long running requests may take to end when the server stops.
    pub drain_time_max: Duration,
}

/// How many header fields hyper takes when it is not told: it then parses a head without allocating.
const HEADER_FIELDS_OF_HYPER: usize = 100;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            head_bytes_max: 64 * 1024,
            header_fields_max: HEADER_FIELDS_OF_HYPER,
            head_time_max: Duration::from_secs(10),
            body_time_max: Duration::from_secs(30),
            bodies_bytes_max: 256 * 1024 * 1024,
            request_time_max: Duration::from_secs(60),
            drain_time_max: Duration::from_secs(10),
        }
    }
}

/// A TLS configuration that can be exchanged while serving.
pub type Tls = Arc<ArcSwap<rustls::ServerConfig>>;

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client's address.
    pub peer: SocketAddr,
    /// The TLS connection, where there is one.
    pub tls: Option<TlsDetails>,
}

/// Serves until `stop` turns true, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    gateway: Arc<Door>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = gateway.limits().clone();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: give running connections time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            gateway
                .metrics()
                .connections_refused
                .fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (gateway, tls, stop) = (Arc::clone(&gateway), tls.clone(), stop.clone());
        connections.spawn(async move {
            gateway
                .metrics()
                .connections
                .fetch_add(1, Ordering::Relaxed);
            connect(stream, peer, tls, &gateway, stop).await;
            gateway
                .metrics()
                .connections
                .fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    let grace_ends = Instant::now() + limits.drain_time_max;
    let drained = tokio::time::timeout_at(grace_ends, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time and were cut");
    }
    let grace_left = grace_ends.saturating_duration_since(Instant::now());
    if !gateway.outside_calls_ended(grace_left).await {
        tracing::warn!(
            "calls that wait for something outside did not end in time and were cut: their plans are kept"
        );
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    gateway: &Arc<Door>,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return exchange(stream, Connection { peer, tls: None }, gateway, stop).await;
    };
    let acceptor = tokio_rustls::TlsAcceptor::from(tls.load_full());
    let handshake =
        tokio::time::timeout(gateway.limits().head_time_max, acceptor.accept(stream)).await;
    if let Ok(Ok(stream)) = handshake {
        let details = tls_details(stream.get_ref().1);
        exchange(
            stream,
            Connection {
                peer,
                tls: Some(details),
            },
            gateway,
            stop,
        )
        .await;
    }
}

async fn exchange<S>(
    stream: S,
    connection: Connection,
    gateway: &Arc<Door>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = gateway.limits();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_buf_size(limits.head_bytes_max.max(8192));
    if limits.header_fields_max != HEADER_FIELDS_OF_HYPER {
        builder.http1().max_headers(limits.header_fields_max);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(100)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let connection = Arc::new(connection);
    let begun = Notify::new();
    let service = service_fn(|request| {
        begun.notify_one();
        let (gateway, connection) = (Arc::clone(gateway), Arc::clone(&connection));
        async move { Ok::<_, std::convert::Infallible>(gateway.answer(request, &connection).await) }
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    // A broken connection is the client's affair: nobody is left to tell.
    tokio::select! {
        _ = serving.as_mut() => return,
        // While it waits to see which HTTP is spoken, hyper has no clock: who says nothing would hold a place for ever.
        () = silence(&begun, limits.head_time_max) => return,
        _ = stop.wait_for(|stopping| *stopping) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Ends when no request has begun in time; never, once one has.
async fn silence(begun: &Notify, time_max: Duration) {
    if tokio::time::timeout(time_max, begun.notified())
        .await
        .is_ok()
    {
        std::future::pending().await
    }
}

fn tls_details(connection: &rustls::ServerConnection) -> TlsDetails {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let suite = connection
        .negotiated_cipher_suite()
        .and_then(|s| s.suite().as_str())
        .unwrap_or_default();
    TlsDetails {
        version: version.to_owned(),
        // IANA's names for TLS 1.3 suites carry no key exchange; rustls marks them.
        cipher_suite: suite.replace("TLS13_", "TLS_"),
        host: connection.server_name().unwrap_or_default().to_owned(),
    }
}

/// Serves the metrics alone, unsigned, until `stop` turns true: for a scraper on an address of its own.
pub async fn serve_metrics(
    listener: TcpListener,
    door: Arc<Door>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            let service = service_fn(|_| async {
                let text = door.metrics_text().await;
                Ok::<_, std::convert::Infallible>(hyper::Response::new(ResponseBody::from(
                    bytes::Bytes::from(text),
                )))
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(door.limits().head_time_max);
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
