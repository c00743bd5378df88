//! The figures that must hold, where the data is: attacks from the shared folder, benign values from this machine.

#[allow(dead_code)]
#[path = "../examples/evaluate/benign.rs"]
mod benign;
#[allow(dead_code)]
#[path = "../examples/evaluate/corpus.rs"]
mod corpus;

use corpus::{Class, held_out, readings};
use palisade_injection::{Sensitivity, inspect};
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PALISADE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = shared.join("data/waf");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: no data at {}; set PALISADE_SHARED",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

fn blocked(value: &[u8]) -> bool {
    readings(value)
        .iter()
        .any(|reading| inspect(reading, Sensitivity::Low).is_some())
}

fn share(class: &Class) -> f64 {
    100.0 * class.values.iter().filter(|value| blocked(value)).count() as f64
        / class.values.len() as f64
}

#[test]
fn attacks_are_blocked_and_benign_data_passes_as_the_goals_say() {
    let Some(folder) = folder() else {
        return;
    };
    let classes = corpus::attacks(&folder);
    let class = |name: &str| {
        classes
            .iter()
            .find(|class| class.name == name)
            .unwrap_or_else(|| panic!("no class {name}"))
    };
    for (name, percent) in [
        ("httpparams sqli", 99.9),
        ("httpparams xss", 98.0),
        ("libinjection sqli", 98.0),
        ("libinjection xss", 97.0),
    ] {
        let measured = share(class(name));
        assert!(
            measured >= percent,
            "{name}: {measured:.2} % blocked, {percent} % wanted"
        );
    }
    for (name, most) in [("httpparams norm", 0), ("libinjection false positives", 2)] {
        let wrong: Vec<_> = class(name)
            .values
            .iter()
            .filter(|value| blocked(value))
            .map(|value| String::from_utf8_lossy(value))
            .collect();
        assert!(wrong.len() <= most, "{name}: {wrong:?}");
    }
}

#[test]
fn what_tuning_never_saw_fares_within_a_point_of_the_rest() {
    let Some(folder) = folder() else {
        return;
    };
    for class in corpus::attacks(&folder)
        .iter()
        .filter(|class| class.values.len() > 1_000)
    {
        let rate = |held: bool| {
            let values: Vec<_> = class
                .values
                .iter()
                .filter(|value| held_out(value) == held)
                .collect();
            100.0 * values.iter().filter(|value| blocked(value)).count() as f64
                / values.len() as f64
        };
        let (tuned, held) = (rate(false), rate(true));
        // One or two values move a class of a thousand by this much again.
        assert!(
            (tuned - held).abs() <= 1.2,
            "{}: {tuned:.2} % tuned, {held:.2} % held out",
            class.name
        );
    }
}

#[test]
fn every_value_of_the_own_list_and_every_token_passes() {
    for class in benign::benign(benign::SOURCE_MAX)
        .iter()
        .filter(|class| class.name == "benign own list" || class.name == "benign tokens")
    {
        let wrong: Vec<_> = class
            .values
            .iter()
            .filter(|value| blocked(value))
            .map(|value| String::from_utf8_lossy(value))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", class.name);
    }
}

/// The goal is none. The third of the documentation that tuning never looked at still holds a few, so the bound is one
/// in ten thousand.
#[test]
fn documentation_of_this_machine_passes() {
    let classes = benign::benign(benign::SOURCE_MAX);
    let counted = || {
        classes
            .iter()
            .filter(|class| class.name.starts_with("benign"))
            .flat_map(|class| &class.values)
    };
    let values = counted().count();
    if values < 50_000 {
        eprintln!("SKIPPED: only {values} benign values on this machine, 50,000 wanted");
        return;
    }
    let wrong: Vec<_> = counted()
        .filter(|value| blocked(value))
        .map(|value| String::from_utf8_lossy(value))
        .collect();
    assert!(
        wrong.len() * 10_000 <= values,
        "{} of {values} wrongly blocked: {wrong:#?}",
        wrong.len()
    );
}
