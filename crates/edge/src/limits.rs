//! What a client may cost.

use std::time::Duration;

/// What a client may cost. Whatever is beyond is refused, never served slowly.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; further ones are answered 503.
    pub connections_max: usize,
    /// Bytes of a head.
    pub head_bytes_max: usize,
    /// Fields of a request's head.
    pub fields_max: usize,
    /// Fields of a response's head.
    pub response_fields_max: usize,
    /// How long a head may take once it has begun.
    pub head_time_max: Duration,
    /// How long a connection may wait for its next request.
    pub idle_time_max: Duration,
    /// How long the part of a body that is held for inspection may take, and each further piece of it.
    pub body_time_max: Duration,
    /// Bytes of bodies that are held for inspection, of all requests together; beyond, requests with a body are answered 503.
    pub bodies_bytes_max: usize,
    /// How long connecting to a server behind may take.
    pub connect_time_max: Duration,
    /// How long a server behind may take to begin its answer, and for each further piece of it.
    pub answer_time_max: Duration,
    /// How long running requests may take to end when the listener stops.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 10_000,
            head_bytes_max: 32 * 1024,
            fields_max: 100,
            response_fields_max: 200,
            head_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(60),
            body_time_max: Duration::from_secs(30),
            bodies_bytes_max: 64 * 1024 * 1024,
            connect_time_max: Duration::from_secs(3),
            answer_time_max: Duration::from_secs(60),
            drain_time_max: Duration::from_secs(10),
        }
    }
}
