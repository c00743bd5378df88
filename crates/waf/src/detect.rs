//! What the engine is given from outside when it compiles: detectors, managed groups, where addresses come from.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::model::RuleGroup;

/// Finds an attack in one value. Pure, linear in the value's length, and never panics.
pub trait Detector: Send + Sync + fmt::Debug {
    /// What it is called in an explanation.
    fn name(&self) -> &str;

    /// What makes the value an attack, if it is one.
    fn find(&self, value: &[u8]) -> Option<Detection>;

    /// The same where the value's place matters: what is no attack in one header may be one in another.
    fn find_at(&self, value: &[u8], _place: Place<'_>) -> Option<Detection> {
        self.find(value)
    }

    /// The pass that answers for this detector and others, and this one's bit in it, where there is one.
    fn pass(&self) -> Option<(&'static Pass, u64)> {
        None
    }
}

/// Where a value stands in its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'b> {
    /// It is the field.
    Whole,
    /// It is this name: of a header, a cookie, a JSON member.
    Key(&'b [u8]),
    /// It belongs to this name.
    Value(&'b [u8]),
}

/// One pass over a value that answers for several detectors.
///
/// It is given the bits of the detectors that are asked for and returns those that find something. Two passes are the same if they are
/// the same object.
pub struct Pass {
    /// The function; pure, linear, without panics.
    pub scan: fn(&[u8], Place<'_>, u64) -> u64,
}

/// What a detector has found in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The bytes that are the attack, within the value.
    pub bytes: Range<usize>,
    /// A stable name of the structure that was recognised: `tautology`.
    pub reason: &'static str,
}

/// The managed rule groups there are.
pub trait ManagedGroups: Send + Sync {
    /// The group of this vendor and name; without a version its default one. `None` where there is none.
    fn find(&self, vendor: &str, name: &str, version: Option<&str>) -> Option<Arc<RuleGroup>>;
}

/// Where addresses come from.
pub trait Origins: Send + Sync {
    /// The country's two letters.
    fn country(&self, address: IpAddr) -> Option<&str>;

    /// The region within the country, where the data has any.
    fn region(&self, address: IpAddr) -> Option<&str>;

    /// The number of the autonomous system.
    fn asn(&self, address: IpAddr) -> Option<u32>;
}

/// What there is around an ACL when it is compiled. A statement that needs what is not there is refused by name.
#[derive(Clone, Default)]
pub struct Environment {
    /// SQL injection at sensitivity LOW.
    pub sqli_low: Option<Arc<dyn Detector>>,
    /// SQL injection at sensitivity HIGH.
    pub sqli_high: Option<Arc<dyn Detector>>,
    /// Cross-site scripting.
    pub xss: Option<Arc<dyn Detector>>,
    /// The managed rule groups.
    pub managed: Option<Arc<dyn ManagedGroups>>,
    /// Countries and autonomous systems.
    pub origins: Option<Arc<dyn Origins>>,
}
