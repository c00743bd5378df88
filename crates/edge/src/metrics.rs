//! Numbers for Prometheus: what was decided, by web ACL, rule, group, label and country; and what never came so far.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palisade_waf::{Decision, RuleMatch, Terminating};

/// Series of one kind, at most: whoever chooses labels and countries does not choose how much is kept.
const SERIES_MAX: usize = 5_000;
/// Upper bounds of the histogram of inspections, in microseconds.
const BOUNDS_US: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000];

/// Counters of a listener.
#[derive(Debug, Default)]
pub struct Metrics {
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
    /// Challenges that were solved.
    pub solved: AtomicU64,
    inspections: [AtomicU64; BOUNDS_US.len() + 1],
    inspections_us: AtomicU64,
    decided: Mutex<Decided>,
}

/// ACL, group, rule and action.
type OfRule = (Arc<str>, Arc<str>, Arc<str>, &'static str);

#[derive(Debug, Default)]
struct Decided {
    /// By ACL and action.
    requests: BTreeMap<(Arc<str>, &'static str), u64>,
    /// By ACL, group, rule and action.
    rules: BTreeMap<OfRule, u64>,
    labels: BTreeMap<String, u64>,
    countries: BTreeMap<(String, &'static str), u64>,
}

impl Metrics {
    /// Counts a decision of this ACL and the time it took.
    pub fn decided(&self, acl: &Arc<str>, decision: &Decision, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US
            .iter()
            .position(|bound| us <= *bound)
            .unwrap_or(BOUNDS_US.len());
        self.inspections[bucket].fetch_add(1, Ordering::Relaxed);
        self.inspections_us.fetch_add(us, Ordering::Relaxed);
        let action = decision.verdict.name();
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut decided.requests, (Arc::clone(acl), action));
        let terminating = match &decision.terminating {
            Terminating::Rule(found) => Some(found),
            Terminating::Default => None,
        };
        for found in terminating.into_iter().chain(&decision.non_terminating) {
            add(&mut decided.rules, of_rule(acl, found));
        }
        for label in &decision.labels {
            if let Some(country) = label.strip_prefix("awswaf:clientip:geo:country:") {
                add(&mut decided.countries, (country.to_owned(), action));
            }
            add(&mut decided.labels, label.clone());
        }
    }

    /// Prometheus text exposition format, version 0.0.4. `lost` are log lines that found no place.
    pub fn render(&self, lost: u64) -> String {
        let mut out = String::new();
        let decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        head(&mut out, "requests_total", "counter", "Requests decided.");
        for ((acl, action), number) in &decided.requests {
            series(
                &mut out,
                "requests_total",
                &[("webacl", acl), ("action", action)],
                number,
            );
        }
        head(
            &mut out,
            "rule_matches_total",
            "counter",
            "Rules that matched, those of groups by themselves.",
        );
        for ((acl, group, rule, action), number) in &decided.rules {
            let names: [(&str, &str); 4] = [
                ("webacl", acl),
                ("group", group),
                ("rule", rule),
                ("action", action),
            ];
            series(&mut out, "rule_matches_total", &names, number);
        }
        head(
            &mut out,
            "labels_total",
            "counter",
            "Labels that were added.",
        );
        for (label, number) in &decided.labels {
            series(&mut out, "labels_total", &[("label", label)], number);
        }
        head(
            &mut out,
            "country_requests_total",
            "counter",
            "Requests whose country a rule asked for.",
        );
        for ((country, action), number) in &decided.countries {
            series(
                &mut out,
                "country_requests_total",
                &[("country", country), ("action", action)],
                number,
            );
        }
        drop(decided);
        let plain = [
            (
                "refused_total",
                "counter",
                "Requests refused before any rule saw them.",
                self.refused.load(Ordering::Relaxed),
            ),
            (
                "panics_total",
                "counter",
                "Inspections that panicked.",
                self.panics.load(Ordering::Relaxed),
            ),
            (
                "upstream_failures_total",
                "counter",
                "Requests no server behind answered.",
                self.upstream_failures.load(Ordering::Relaxed),
            ),
            (
                "challenges_solved_total",
                "counter",
                "Challenges that were solved.",
                self.solved.load(Ordering::Relaxed),
            ),
            (
                "connections_refused_total",
                "counter",
                "Connections turned away.",
                self.connections_refused.load(Ordering::Relaxed),
            ),
            (
                "connections",
                "gauge",
                "Connections open now.",
                self.connections.load(Ordering::Relaxed),
            ),
            (
                "log_lines_lost_total",
                "counter",
                "Log lines that found no place.",
                lost,
            ),
        ];
        for (name, kind, help, number) in plain {
            head(&mut out, name, kind, help);
            series(&mut out, name, &[], &number);
        }
        self.render_inspections(&mut out);
        out
    }

    fn render_inspections(&self, out: &mut String) {
        let name = "inspection_duration_seconds";
        head(out, name, "histogram", "Time a decision took.");
        let mut total = 0;
        let bounds = BOUNDS_US.map(Some).into_iter().chain([None]);
        for (count, bound_us) in self.inspections.iter().zip(bounds) {
            total += count.load(Ordering::Relaxed);
            let bound = bound_us.map_or("+Inf".to_owned(), |us| (us as f64 / 1e6).to_string());
            series(
                out,
                "inspection_duration_seconds_bucket",
                &[("le", &bound)],
                &total,
            );
        }
        let sum = self.inspections_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(
            out,
            "palisade_waf_{name}_sum {sum}\npalisade_waf_{name}_count {total}"
        );
    }
}

fn add<K: Ord>(table: &mut BTreeMap<K, u64>, key: K) {
    if let Some(number) = table.get_mut(&key) {
        *number += 1;
    } else if table.len() < SERIES_MAX {
        table.insert(key, 1);
    }
}

fn of_rule(acl: &Arc<str>, found: &RuleMatch) -> OfRule {
    let (group, rule) = match &found.in_group {
        Some(inside) => (Arc::clone(&inside.group), &inside.rule),
        None => ("".into(), &found.rule),
    };
    (Arc::clone(acl), group, Arc::clone(rule), found.action)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP palisade_waf_{name} {help}\n# TYPE palisade_waf_{name} {kind}"
    );
}

fn series(out: &mut String, name: &str, labels: &[(&str, &str)], number: &u64) {
    let escaped = |text: &str| {
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let _ = writeln!(out, "palisade_waf_{name}{labels} {number}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_waf::{Response, Verdict};

    #[test]
    fn decisions_are_counted_by_what_decided() {
        let metrics = Metrics::default();
        let found = |rule: &str, action| RuleMatch {
            rule: rule.into(),
            in_group: None,
            action,
            overridden: None,
        };
        let decision = Decision {
            verdict: Verdict::Block(Response::default()),
            terminating: Terminating::Rule(found("sql", "BLOCK")),
            labels: vec!["awswaf:clientip:geo:country:NO".into(), "a\"b".into()],
            insert_headers: Vec::new(),
            non_terminating: vec![found("counted", "COUNT")],
            groups: Vec::new(),
            rates: Vec::new(),
            undecided: Vec::new(),
            client_asn: None,
        };
        let acl: Arc<str> = "shop".into();
        metrics.decided(&acl, &decision, Duration::from_micros(7));
        metrics.decided(&acl, &decision, Duration::from_secs(7));
        let text = metrics.render(3);
        for line in [
            "palisade_waf_requests_total{webacl=\"shop\",action=\"BLOCK\"} 2",
            "palisade_waf_rule_matches_total{webacl=\"shop\",group=\"\",rule=\"sql\",action=\"BLOCK\"} 2",
            "palisade_waf_rule_matches_total{webacl=\"shop\",group=\"\",rule=\"counted\",action=\"COUNT\"} 2",
            "palisade_waf_labels_total{label=\"a\\\"b\"} 2",
            "palisade_waf_country_requests_total{country=\"NO\",action=\"BLOCK\"} 2",
            "palisade_waf_inspection_duration_seconds_bucket{le=\"0.00001\"} 1",
            "palisade_waf_inspection_duration_seconds_bucket{le=\"+Inf\"} 2",
            "palisade_waf_log_lines_lost_total 3",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
        }
    }
}
