//! Measures the managed groups on whole requests, the tuned two thirds and the unseen third side by side.
//!
//!     cargo run --release -p palisade-managed --example measure_groups -- DIR [--deep] [--show CLASS] [--only CLASS]
//!
//! DIR is the data folder `waf`. `--show` prints what is missed (or wrongly blocked) in the tuned thirds of the classes whose name
//! begins so, and never what is held out. `--deep` takes ten times as many ordinary values of each source.

#[path = "../../../injection/examples/evaluate/benign.rs"]
mod benign;
#[path = "../../../injection/examples/evaluate/corpus.rs"]
#[allow(dead_code)]
mod corpus;
mod mutate;
mod ordinary;
mod request;
mod suites;
mod table;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("usage: measure DIR [--deep] [--show CLASS] [--only CLASS]");
        std::process::exit(2);
    };
    let option = |name: &str| {
        let place = arguments.iter().position(|word| word == name)?;
        arguments.get(place + 1).map(String::as_str)
    };
    println!("| class | requests | blocked, tuned thirds | blocked, held-out third |");
    println!("|---|---|---|---|");
    let deep = arguments.iter().any(|word| word == "--deep");
    let source_max = if deep { 10 } else { 1 } * benign::SOURCE_MAX;
    for class in table::classes(Path::new(folder), source_max) {
        if option("--only").is_some_and(|only| !class.name.starts_with(only)) {
            continue;
        }
        let row = class.measure();
        println!("{}", row.line(&class));
        if option("--show").is_some_and(|name| class.name.starts_with(name)) {
            for (value, why) in &row.shown {
                println!("  {why}\t{}", String::from_utf8_lossy(value).escape_debug());
            }
        }
    }
}
