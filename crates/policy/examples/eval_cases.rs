//! Decides cases, one JSON object a line on stdin; prints one JSON object a line: `{"reason": …}` or `{"error": …}`.
//!
//! Used by the differential tests in `tests/differential`.

use palisade_policy::{Case, evaluate};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match Case::parse(&line?) {
            Ok(case) => {
                let decision = evaluate(&case.request(), &case.layers());
                let deciding: Vec<String> =
                    decision.deciding.iter().map(ToString::to_string).collect();
                serde_json::json!({"reason": decision.reason.to_string(), "deciding": deciding})
            }
            Err(error) => serde_json::json!({"error": error.to_string()}),
        };
        // One who asks case by case waits for each answer.
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
