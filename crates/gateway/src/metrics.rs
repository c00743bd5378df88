//! Numbers for Prometheus. What the journal knows (calls by service, operation and outcome) its follower counts; here is what it
//! does not: refused strangers, connections, time taken.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency histogram, in microseconds.
const LATENCY_BOUNDS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000,
];

/// Counters of the front.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests answered.
    pub requests: AtomicU64,
    /// Requests whose authentication failed.
    pub authentication_failures: AtomicU64,
    /// Requests refused by policy.
    pub denials: AtomicU64,
    /// Handlers that panicked.
    pub panics: AtomicU64,
    /// Transactions run again after a conflict.
    pub conflicts: AtomicU64,
    /// Connections open now.
    pub connections: AtomicU64,
    /// Connections turned away because there were too many.
    pub connections_refused: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS_US.len() + 1],
    latency_sum_us: AtomicU64,
}

impl Metrics {
    /// Counts an answered request and the time it took.
    pub fn answered(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_US
            .iter()
            .position(|bound| us <= *bound)
            .unwrap_or(LATENCY_BOUNDS_US.len());
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.latency[bucket].fetch_add(1, Ordering::Relaxed);
        self.latency_sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Prometheus text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut out = String::new();
        counter(
            &mut out,
            "palisade_requests_total",
            "Requests answered.",
            &self.requests,
        );
        counter(
            &mut out,
            "palisade_authentication_failures_total",
            "Requests whose authentication failed.",
            &self.authentication_failures,
        );
        counter(
            &mut out,
            "palisade_denials_total",
            "Requests refused by policy.",
            &self.denials,
        );
        counter(
            &mut out,
            "palisade_handler_panics_total",
            "Handlers that panicked.",
            &self.panics,
        );
        counter(
            &mut out,
            "palisade_transaction_conflicts_total",
            "Transactions run again after a conflict.",
            &self.conflicts,
        );
        counter(
            &mut out,
            "palisade_connections_refused_total",
            "Connections turned away.",
            &self.connections_refused,
        );
        let connections = self.connections.load(Ordering::Relaxed);
        let _ = writeln!(
            out,
            "# HELP palisade_connections Connections open now.\n# TYPE palisade_connections gauge\npalisade_connections {connections}"
        );
        self.render_latency(&mut out);
        out
    }

    fn render_latency(&self, out: &mut String) {
        let name = "palisade_request_duration_seconds";
        let _ = writeln!(
            out,
            "# HELP {name} Time from a request's head to its answer's.\n# TYPE {name} histogram"
        );
        let mut total = 0;
        for (count, bound_us) in self
            .latency
            .iter()
            .zip(LATENCY_BOUNDS_US.map(Some).into_iter().chain([None]))
        {
            total += count.load(Ordering::Relaxed);
            let bound = bound_us.map_or("+Inf".to_owned(), |us| (us as f64 / 1e6).to_string());
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {total}");
        }
        let sum = self.latency_sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {total}");
    }
}

fn counter(out: &mut String, name: &str, help: &str, value: &AtomicU64) {
    let value = value.load(Ordering::Relaxed);
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        metrics.answered(Duration::from_micros(40));
        metrics.answered(Duration::from_micros(60));
        metrics.answered(Duration::from_secs(100));
        let text = metrics.render();
        assert!(text.contains("_bucket{le=\"0.00005\"} 1\n"), "{text}");
        assert!(text.contains("_bucket{le=\"0.0001\"} 2\n"));
        assert!(text.contains("_bucket{le=\"10\"} 2\n"));
        assert!(text.contains("_bucket{le=\"+Inf\"} 3\n"));
        assert!(text.contains("palisade_requests_total 3\n"));
    }
}
