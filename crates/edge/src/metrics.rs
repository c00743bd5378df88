//! Numbers for Prometheus.

use std::sync::atomic::AtomicU64;

/// Counters of a listener.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests that were decided.
    pub requests: AtomicU64,
    /// Requests that were blocked.
    pub blocked: AtomicU64,
    /// Requests that were refused before any rule saw them.
    pub refused: AtomicU64,
    /// Inspections that panicked.
    pub panics: AtomicU64,
    /// Requests no server behind answered.
    pub upstream_failures: AtomicU64,
    /// Connections open now.
    pub connections: AtomicU64,
    /// Connections turned away because there were too many.
    pub connections_refused: AtomicU64,
}
