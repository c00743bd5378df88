//! The listener: connections, their number, and a stop that lets running requests end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::client::Peer;
use crate::edge::Edge;
use crate::inbound;

/// The answer to a connection that is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// Serves until `stop` turns true, then lets running requests end.
pub async fn serve(listener: TcpListener, edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
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
        connections.spawn(connection(
            stream,
            peer,
            Arc::clone(&edge),
            stop.clone(),
            place,
        ));
    }
    drop(listener);
    let drained = tokio::time::timeout(edge.limits().drain_time_max, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!("some requests did not end in time and were cut");
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    edge: Arc<Edge>,
    stop: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    let open = &edge.metrics().connections;
    open.fetch_add(1, Ordering::Relaxed);
    let _ = stream.set_nodelay(true);
    inbound::serve(stream, &peer, &edge, stop).await;
    open.fetch_sub(1, Ordering::Relaxed);
    drop(place);
}

fn turn_away(mut stream: TcpStream, edge: &Edge) {
    edge.metrics()
        .connections_refused
        .fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
    });
}
