//! Which cases pass, and which only make sense for a client.

use std::collections::BTreeMap;

/// Results of all cases of a direction.
#[derive(Default)]
pub struct Ledger {
    passed: usize,
    listed: usize,
    problems: Vec<String>,
}

impl Ledger {
    /// Notes the result of a case.
    pub fn note(
        &mut self,
        id: &str,
        result: Result<(), String>,
        reasons: &BTreeMap<String, String>,
    ) {
        match (result, reasons.get(id)) {
            (Ok(()), None) => self.passed += 1,
            (Err(_), Some(_)) => self.listed += 1,
            (Ok(()), Some(_)) => self.problems.push(format!("{id}: listed, but passes")),
            (Err(problem), None) => self.problems.push(format!("{id}: {problem}")),
        }
    }

    /// Fails unless every one of so many cases has passed or is listed, and every listed case
    /// exists.
    pub fn settle(self, direction: &str, cases: usize, reasons: &BTreeMap<String, String>) {
        println!(
            "{direction}: {} of {cases} pass, {} are a client's",
            self.passed, self.listed
        );
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
        assert_eq!(self.passed + self.listed, cases, "every case is counted");
        let prefix = format!("{direction}/");
        let known = reasons.keys().filter(|id| id.starts_with(&prefix)).count();
        assert_eq!(self.listed, known, "every listed case exists");
    }
}

/// The listed cases and why they only make sense for a client.
pub fn reasons() -> BTreeMap<String, String> {
    let text = include_str!("../client_only.json");
    serde_json::from_str(text).expect("the list is JSON")
}
