//! Counting requests by keys, in windows that slide.
//!
//! Up to a limit of 1,000 the times of the last requests are kept, so a decision is exact. Above, requests are counted in 240ths of
//! the window, and a decision is right to within one of them. A table holds a bounded number of keys and times: when it is full, those
//! not seen for longest go, but for keys that are being limited.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::decision::RateCount;
use crate::statement::RateBased;

/// The highest limit that is counted exactly.
const EXACT_MAX: u64 = 1_000;
/// Parts of a window above that.
const BUCKETS: usize = 240;
/// Keys of one rule, at most.
const KEYS_MAX: usize = 100_000;
/// Times of requests that the keys of one rule hold together, at most: 8 bytes each.
const TIMES_MAX: usize = 4_000_000;
/// Keys that stay because they are limited, at most; as many as AWS limits at once.
const LIMITED_MAX: usize = 10_000;

/// The counts of all uses of rate-based rules in one compiled ACL. One per ACL; shared by all threads.
#[derive(Debug)]
pub struct Counters {
    tables: Vec<Mutex<Table>>,
    /// What was counted for one request in the past: told instead of counting, in order.
    recorded: Option<Mutex<VecDeque<RateCount>>>,
}

impl Counters {
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a RateBased>) -> Counters {
        let table =
            |rule: &RateBased| Mutex::new(Table::new(rule.limit, rule.window_s * 1000, KEYS_MAX));
        Counters {
            tables: rules.map(table).collect(),
            recorded: None,
        }
    }

    /// Counters that say of one request again what they had said of it, in the order in which its ACL asked.
    pub fn recorded(counts: &[RateCount]) -> Counters {
        Counters {
            tables: Vec::new(),
            recorded: Some(Mutex::new(counts.iter().cloned().collect())),
        }
    }

    /// Counts a request, and says how many there were in the window that ends with it and whether that is over the limit.
    pub(crate) fn count(&self, rule: usize, key: &[u8], now_ms: u64) -> Counted {
        if let Some(recorded) = &self.recorded {
            let mut left = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            return left.pop_front().map_or(NOTHING, |count| Counted {
                requests: count.requests,
                limited: count.limited,
            });
        }
        let Some(table) = self.tables.get(rule) else {
            return NOTHING;
        };
        lock(table).count(key, now_ms)
    }

    /// The addresses that a rule limits now; for rules that count by address alone, by the order of their use in the ACL.
    pub fn limited_addresses(&self, rule: usize, now_ms: u64) -> Vec<IpAddr> {
        let Some(table) = self.tables.get(rule) else {
            return Vec::new();
        };
        lock(table)
            .limited(now_ms)
            .filter_map(key_address)
            .take(LIMITED_MAX)
            .collect()
    }
}

const NOTHING: Counted = Counted {
    requests: 0,
    limited: false,
};

/// A table whose holder panicked still counts: each of its fields is valid at any time.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the count of a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Requests in the window, this one included; no more than one over a limit that is counted exactly.
    pub(crate) requests: u64,
    pub(crate) limited: bool,
}

/// The bytes that stand for an address in a key.
pub(crate) fn address_key(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn key_address(key: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(key).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(key).map(IpAddr::from))
        .ok()
}

#[derive(Debug)]
struct Table {
    limit: u64,
    window_ms: u64,
    /// Keys of a generation, at most.
    generation_max: usize,
    /// Keys seen since the last turn, and those seen before it: when the young are full they become the old, and the old go.
    young: HashMap<Box<[u8]>, Window>,
    old: HashMap<Box<[u8]>, Window>,
    /// Times that the young hold.
    times: usize,
    times_max: usize,
}

impl Table {
    fn new(limit: u64, window_ms: u64, keys_max: usize) -> Table {
        Table {
            limit,
            window_ms,
            generation_max: (keys_max / 2).max(1),
            young: HashMap::new(),
            old: HashMap::new(),
            times: 0,
            times_max: TIMES_MAX / 2,
        }
    }

    fn count(&mut self, key: &[u8], now_ms: u64) -> Counted {
        let (limit, window_ms) = (self.limit, self.window_ms);
        if self.times >= self.times_max {
            self.turn(now_ms);
        }
        if let Some(window) = self.young.get_mut(key) {
            let before = window.times();
            let counted = window.count(limit, window_ms, now_ms);
            self.times = (self.times + window.times()).saturating_sub(before);
            return counted;
        }
        let known = self.old.remove_entry(key);
        if self.young.len() >= self.generation_max {
            self.turn(now_ms);
        }
        let (key, mut window) = known.unwrap_or_else(|| (key.into(), Window::new(limit)));
        let counted = window.count(limit, window_ms, now_ms);
        self.times += window.times();
        self.young.insert(key, window);
        counted
    }

    fn turn(&mut self, now_ms: u64) {
        let (limit, window_ms) = (self.limit, self.window_ms);
        let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        let limited = forgotten
            .into_iter()
            .filter(|(_, window)| window.requests(window_ms, now_ms) >= limit);
        let each = usize::try_from(limit.min(EXACT_MAX)).unwrap_or(1);
        let room = LIMITED_MAX
            .min(self.generation_max / 2)
            .min(self.times_max / 2 / each);
        self.young.extend(limited.take(room));
        self.times = self.young.values().map(Window::times).sum();
    }

    fn limited(&self, now_ms: u64) -> impl Iterator<Item = &[u8]> {
        let over = move |window: &Window| window.requests(self.window_ms, now_ms) >= self.limit;
        let all = self.young.iter().chain(&self.old);
        all.filter(move |(_, window)| over(window))
            .map(|(key, _)| &key[..])
    }
}

/// The requests of one key.
#[derive(Debug)]
enum Window {
    /// The times of the last requests, as many as the limit.
    Exact(VecDeque<u64>),
    /// Counts of the parts of the window, and the number of the last part.
    Parts {
        counts: Box<[u32; BUCKETS]>,
        last: u64,
    },
}

impl Window {
    fn new(limit: u64) -> Window {
        if limit <= EXACT_MAX {
            Window::Exact(VecDeque::new())
        } else {
            Window::Parts {
                counts: Box::new([0; BUCKETS]),
                last: 0,
            }
        }
    }

    fn count(&mut self, limit: u64, window_ms: u64, now_ms: u64) -> Counted {
        self.forget(window_ms, now_ms);
        let before = self.requests(window_ms, now_ms);
        match self {
            Window::Exact(times) => {
                if times.len() as u64 == limit {
                    times.pop_front();
                }
                // A clock that goes back does not bring the order out of step.
                let now_ms = times.back().map_or(now_ms, |last| now_ms.max(*last));
                times.push_back(now_ms);
            }
            Window::Parts { counts, last } => {
                let count = &mut counts[(*last % BUCKETS as u64) as usize];
                *count = count.saturating_add(1);
            }
        }
        Counted {
            requests: before + 1,
            limited: before >= limit,
        }
    }

    /// How many times it holds.
    fn times(&self) -> usize {
        match self {
            Window::Exact(times) => times.len(),
            Window::Parts { .. } => BUCKETS / 2,
        }
    }

    /// Drops what has left the window.
    fn forget(&mut self, window_ms: u64, now_ms: u64) {
        match self {
            Window::Exact(times) => {
                let gone = times.partition_point(|time| time + window_ms <= now_ms);
                times.drain(..gone);
            }
            Window::Parts { counts, last } => {
                let part = (now_ms / (window_ms / BUCKETS as u64)).max(*last);
                for number in (*last + 1..=part).rev().take(BUCKETS) {
                    counts[(number % BUCKETS as u64) as usize] = 0;
                }
                *last = part;
            }
        }
    }

    /// How many requests are in the window that ends now.
    fn requests(&self, window_ms: u64, now_ms: u64) -> u64 {
        match self {
            Window::Exact(times) => {
                (times.len() - times.partition_point(|time| time + window_ms <= now_ms)) as u64
            }
            Window::Parts { counts, last } => {
                let part = (now_ms / (window_ms / BUCKETS as u64)).max(*last);
                let kept = BUCKETS as u64 - (part - last).min(BUCKETS as u64);
                let in_window = (last + 1).saturating_sub(kept)..=*last;
                in_window
                    .map(|number| u64::from(counts[(number % BUCKETS as u64) as usize]))
                    .sum()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_after_the_limit_is_limited_and_the_window_slides() {
        let mut table = Table::new(10, 60_000, KEYS_MAX);
        for second in 0..10 {
            assert!(!table.count(b"a", second * 1000).limited);
        }
        assert_eq!(
            table.count(b"a", 9_500),
            Counted {
                requests: 11,
                limited: true
            }
        );
        assert!(!table.count(b"b", 9_500).limited);
        // At 60 s the first has left the window, but the limited one is counted too.
        assert!(table.count(b"a", 60_000).limited);
        assert!(!table.count(b"a", 69_500 + 60_000).limited);
    }

    #[test]
    fn small_limits_are_exact_on_every_request() {
        let mut table = Table::new(100, 60_000, KEYS_MAX);
        let mut times: Vec<u64> = Vec::new();
        let mut now = 0;
        for step in 0..5000u64 {
            now += (step * 7919) % 1500;
            let within = times.iter().filter(|time| **time + 60_000 > now).count() as u64;
            assert_eq!(
                table.count(b"k", now).limited,
                within >= 100,
                "request {step} at {now}"
            );
            times.push(now);
        }
    }

    #[test]
    fn large_limits_are_right_within_a_240th_of_the_window() {
        let (limit, window, part) = (2_000u64, 60_000u64, 250u64);
        let mut table = Table::new(limit, window, KEYS_MAX);
        let mut times: Vec<u64> = Vec::new();
        let mut now = 1_000_000;
        for step in 0..20_000u64 {
            now += (step * 31) % 60;
            let within = |window: u64| {
                times
                    .iter()
                    .rev()
                    .take_while(|time| **time + window > now)
                    .count() as u64
            };
            let limited = table.count(b"k", now).limited;
            assert!(limited || within(window - part) < limit, "missed at {now}");
            assert!(!limited || within(window + part) >= limit, "wrong at {now}");
            times.push(now);
        }
    }

    #[test]
    fn keys_are_bounded_and_limited_ones_stay() {
        let mut table = Table::new(10, 600_000, 1000);
        for _ in 0..12 {
            table.count(b"limited", 0);
        }
        for number in 0..5000u32 {
            table.count(&number.to_be_bytes(), 1);
            assert!(table.young.len() + table.old.len() <= 1000);
        }
        assert!(table.count(b"limited", 2).limited);
    }

    #[test]
    fn times_are_bounded_together() {
        let mut table = Table::new(100, 600_000, KEYS_MAX);
        table.times_max = 1000;
        for round in 0..90u64 {
            for key in 0..50u32 {
                table.count(&key.to_be_bytes(), round);
                let held = table.young.values().map(Window::times).sum::<usize>();
                assert_eq!(held, table.times, "the sum is kept");
                assert!(held <= 1000 + 100, "one window over at most");
            }
        }
    }

    #[test]
    fn limited_addresses_are_listed() {
        let mut table = Table::new(10, 60_000, KEYS_MAX);
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        for _ in 0..11 {
            table.count(&address_key(address), 5);
        }
        table.count(&address_key("2001:db8::1".parse().unwrap()), 5);
        let limited: Vec<_> = table.limited(6).filter_map(key_address).collect();
        assert_eq!(limited, [address]);
        assert_eq!(table.limited(60_006).count(), 0);
    }
}
