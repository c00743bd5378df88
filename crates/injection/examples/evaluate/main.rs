//! Measures the detectors on attacks and benign values, the tuned two thirds and the unseen third side by side.
//!
//!     cargo run --release -p palisade-injection --example evaluate -- DIR [--high] [--deep] [--show CLASS]
//!
//! DIR is the data folder `waf`; the benign values come from this machine's documentation. `--show` prints what is
//! missed (or wrongly blocked) in the tuned thirds of the classes whose name begins so, and never what is held out.

mod benign;
mod corpus;

use corpus::{Class, held_out, readings};
use palisade_injection::{Finding, Kinds, Sensitivity, inspect, inspect_for};
use std::path::Path;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: evaluate DIR [--high] [--deep] [--show CLASS]");
        std::process::exit(2);
    };
    let rest: Vec<String> = arguments.collect();
    let sensitivity = if rest.iter().any(|word| word == "--high") {
        Sensitivity::High
    } else {
        Sensitivity::Low
    };
    let show = rest
        .iter()
        .position(|word| word == "--show")
        .and_then(|place| rest.get(place + 1));
    let mut classes = corpus::attacks(Path::new(&folder));
    classes.extend(benign::benign(
        if rest.iter().any(|word| word == "--deep") {
            10 * benign::SOURCE_MAX
        } else {
            benign::SOURCE_MAX
        },
    ));
    println!("| class | values | blocked, tuned thirds | blocked, held-out third |");
    println!("|---|---|---|---|");
    let (mut values, mut blocked) = (0, 0);
    for class in &classes {
        let row = Row::of(
            class,
            sensitivity,
            show.is_some_and(|name| class.name.starts_with(name.as_str())),
        );
        row.print(class);
        if class.name.starts_with("benign") {
            values += row.tuned.0 + row.held.0;
            blocked += row.tuned.1 + row.held.1;
        }
    }
    println!("own benign values: {values}, wrongly blocked: {blocked}");
}

/// Values and blocked ones, of the tuned thirds and the held-out third.
struct Row {
    tuned: (usize, usize),
    held: (usize, usize),
}

impl Row {
    fn of(class: &Class, sensitivity: Sensitivity, show: bool) -> Self {
        let mut row = Self {
            tuned: (0, 0),
            held: (0, 0),
        };
        for value in &class.values {
            // CRS's own tests know where an address is fetched or sent the browser to; benign values are addresses.
            let found = if class.name.starts_with("crs") {
                judge(value, sensitivity).or_else(|| judge_all(value, sensitivity))
            } else {
                judge(value, sensitivity)
            };
            // The own list was written beside the detectors: none of it is unseen.
            let held = class.name != "benign own list" && held_out(value);
            let side = if held { &mut row.held } else { &mut row.tuned };
            side.0 += 1;
            side.1 += usize::from(found.is_some());
            if show && !held && found.is_some() != class.attack {
                let reason = found.map_or_else(
                    || "-".to_owned(),
                    |finding| format!("{:?} {}", finding.kind, finding.reason),
                );
                println!(
                    "  {reason}\t{}",
                    String::from_utf8_lossy(value).escape_debug()
                );
            }
        }
        row
    }

    fn print(&self, class: &Class) {
        let figure = |(all, blocked): (usize, usize)| match all {
            0 => "-".to_owned(),
            _ if class.attack => format!(
                "{:.2} % ({} missed)",
                100.0 * blocked as f64 / all as f64,
                all - blocked
            ),
            _ => format!("{blocked} of {all}"),
        };
        println!(
            "| {} | {} | {} | {} |",
            class.name,
            class.values.len(),
            figure(self.tuned),
            figure(self.held)
        );
    }
}

/// A value is blocked if one of its readings is; a record of several values holds them with separators between.
fn judge(value: &[u8], sensitivity: Sensitivity) -> Option<Finding> {
    value
        .split(|&byte| byte == 0x1e)
        .flat_map(readings)
        .find_map(|reading| inspect(&reading, sensitivity))
}

fn judge_all(value: &[u8], sensitivity: Sensitivity) -> Option<Finding> {
    value
        .split(|&byte| byte == 0x1e)
        .flat_map(readings)
        .find_map(|reading| inspect_for(&reading, sensitivity, Kinds::ALL))
}
