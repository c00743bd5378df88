//! The detectors of `palisade-injection`, as the engine asks for them.

use std::sync::Arc;

use palisade_injection::{Finding, Sensitivity};

use crate::detect::{Detection, Detector, Environment};

/// A detector that is a function of the value.
#[derive(Debug)]
struct Structure {
    name: &'static str,
    find: fn(&[u8]) -> Option<Finding>,
}

impl Detector for Structure {
    fn name(&self) -> &str {
        self.name
    }

    fn find(&self, value: &[u8]) -> Option<Detection> {
        (self.find)(value).map(|finding| Detection {
            bytes: finding.start..finding.end,
            reason: finding.reason,
        })
    }
}

/// A detector of this name, made of a function of `palisade-injection`; for groups made in code.
pub fn detector(name: &'static str, find: fn(&[u8]) -> Option<Finding>) -> Arc<dyn Detector> {
    Arc::new(Structure { name, find })
}

impl Environment {
    /// The same with Palisade's own detectors for `SqliMatchStatement` and `XssMatchStatement`.
    pub fn with_detectors(self) -> Environment {
        Environment {
            sqli_low: Some(detector("sql", |value| {
                palisade_injection::sql(value, Sensitivity::Low)
            })),
            sqli_high: Some(detector("sql, sensitive", |value| {
                palisade_injection::sql(value, Sensitivity::High)
            })),
            xss: Some(detector("script", palisade_injection::xss)),
            ..self
        }
    }
}
