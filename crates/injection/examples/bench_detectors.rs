//! Nanoseconds a value, median over rounds, one core.
//!
//!     cargo run --release -p palisade-injection --example bench_detectors
//!
//! The figure to beat for SQL is 734 ns a string, what libinjection in C takes on the machine the budget was set on.

use palisade_injection::{Finding, Sensitivity, inspect, sql};
use std::hint::black_box;
use std::time::Instant;

const ATTACKS: &[&str] = &[
    "-1 union select 1,2,concat(user(),0x3a,database()),4 from users--",
    "1' or 'a'='a",
    "1') and 7=(select count(*) from information_schema.tables as t1)--",
    "admin'--",
    "1;waitfor delay '0:0:5'--",
    "x' and substring(version(),1,1)=5 -- ",
    "1 order by 9 --",
    "'; drop table users; --",
];

const BENIGN: &[&str] = &[
    "maria.fernandez@example.com",
    "C/ Faicanes 167, 8B",
    "a3f1c2d4-5b6a-4c7d-8e9f-0a1b2c3d4e5f",
    "en-US,en;q=0.5",
    "select the best from our menu",
    "O'Neill and D'Angelo",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "https://shop.example.com/cart?item=42&size=L",
    "2026-03-01T12:00:00Z",
    "The quick brown fox jumps over the lazy dog, twice",
    "42",
    "page",
    "session=abc123; theme=dark; lang=en",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "+34 912 345 678",
];

fn main() {
    let low = |value: &[u8]| sql(value, Sensitivity::Low);
    let all = |value: &[u8]| inspect(value, Sensitivity::Low);
    println!("| what | ns a value, median |");
    println!("|---|---|");
    println!("| SQL detector, attacks | {:.0} |", median(ATTACKS, low));
    println!("| SQL detector, benign | {:.0} |", median(BENIGN, low));
    println!("| everything, benign | {:.0} |", median(BENIGN, all));
    for value in BENIGN {
        println!(
            "| everything, `{}` | {:.0} |",
            value.get(..40).unwrap_or(value),
            median(&[value], all)
        );
    }
    let long = "lorem ipsum dolor sit amet ".repeat(300);
    println!(
        "| everything, 8 KB of words | {:.0} |",
        median(&[&long], all)
    );
}

/// The median over rounds of the mean over a round.
fn median(values: &[&str], detector: impl Fn(&[u8]) -> Option<Finding>) -> f64 {
    let repeats = 4_000_000
        / values
            .iter()
            .map(|value| value.len() + 20)
            .sum::<usize>()
            .max(1);
    let mut rounds: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..repeats.max(1) {
                for value in values {
                    black_box(detector(black_box(value.as_bytes())));
                }
            }
            start.elapsed().as_nanos() as f64 / (repeats.max(1) * values.len()) as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
