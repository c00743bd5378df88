//! The listener: connections, their number, and a stop that lets running requests end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::Peer;
use crate::edge::Edge;
use crate::message::Own;
use crate::tls::{self, Tls};
use crate::wire::Wire;
use crate::{http2, inbound, proxy_protocol};

/// The answer to a connection that is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// Serves until `stop` turns true, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    edge: Arc<Edge>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(edge.limits().connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        while connections.try_join_next().is_some() {}
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: give running connections time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            turn_away(stream, &edge);
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let peer = Peer {
            address,
            local,
            tls: None,
        };
        let (edge, tls, stop) = (Arc::clone(&edge), tls.clone(), stop.clone());
        connections.spawn(async move {
            let open = &edge.metrics().connections;
            open.fetch_add(1, Ordering::Relaxed);
            connection(stream, peer, tls, Arc::clone(&edge), stop).await;
            open.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    let drained = timeout(edge.limits().drain_time_max, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time and were cut");
    }
}

async fn connection(
    mut stream: TcpStream,
    mut peer: Peer,
    tls: Option<Tls>,
    edge: Arc<Edge>,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    if edge.expects_proxy_header() {
        let header = timeout(
            edge.limits().head_time_max,
            proxy_protocol::read(&mut stream),
        )
        .await;
        match header {
            Ok(Ok(Some((client, local)))) => (peer.address, peer.local) = (client, local),
            Ok(Ok(None)) => {}
            // Whoever cannot say where it comes from gets no answer.
            _ => {
                edge.metrics().refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }
    let Some(tls) = tls else {
        return inbound::serve(stream, &peer, &edge, stop).await;
    };
    let handshake = timeout(edge.limits().head_time_max, tls::accept(stream, &tls)).await;
    let Ok(Ok((stream, fingerprints))) = handshake else {
        return;
    };
    peer.tls = Some(fingerprints);
    match tls::is_http2(&stream) {
        true => http2::serve(stream, peer, edge, stop).await,
        false => inbound::serve(stream, &peer, &edge, stop).await,
    }
}

fn turn_away(mut stream: TcpStream, edge: &Edge) {
    edge.metrics()
        .connections_refused
        .fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let _ = timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
    });
}

/// Serves the metrics alone until `stop` turns true: for a scraper on an address of its own.
pub async fn serve_metrics(
    listener: TcpListener,
    edge: Arc<Edge>,
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
        let edge = Arc::clone(&edge);
        tokio::spawn(async move {
            let mut wire = Wire::new(stream);
            let head = timeout(edge.limits().head_time_max, wire.head(8 * 1024)).await;
            if !matches!(head, Ok(Ok(Some(_)))) {
                return;
            }
            let own = Own {
                status: 200,
                fields: vec![(
                    "content-type".to_owned(),
                    "text/plain; version=0.0.4".to_owned(),
                )],
                body: edge.metrics().render(edge.logs().lost()).into(),
            };
            let _ = wire.write(&own.bytes(Some("close"), false)).await;
            wire.close().await;
        });
    }
}
