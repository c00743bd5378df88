//! Managed rule groups: AWS's names and Palisade's, with Palisade's own detection behind them.
//!
//! AWS publishes the names, labels, actions, capacity and fields of its managed rules, and keeps to itself what they look for. Here
//! the names and labels are AWS's (`data/groups.json`), so that an ACL, its overrides and its label rules mean the same; what a rule
//! finds is found by `palisade-injection`, which reads structure, in every place of the field the rule is about ([`Part`]). Short
//! lists of clients, paths and file names are in `data/words.json`.
//!
//! Pure: no I/O, no clock. IP reputation, bot control, fraud prevention and DDoS groups are not here: they need data or a history
//! that nobody has without AWS.
//!
//! ```
//! use palisade_managed::{Listener, groups, web_acl};
//! use palisade_waf::{Acl, BodyInspection, Bump, Moment, Request, detect::Environment};
//!
//! let managed = web_acl(&["common", "sqli"], Listener::default())?;
//! let environment = Environment { managed: Some(groups()), ..Environment::default() };
//! let acl = Acl::compile(&managed.document, &environment, BodyInspection::Bytes(64 << 10))?;
//!
//! let headers: [(&[u8], &[u8]); 1] = [(b"user-agent", b"doc")];
//! let request = Request { headers: &headers, ..Request::new("GET", "/item?id=1%27%20OR%20%271%27=%271") };
//! let decision = acl.inspect(&request, &Moment::default(), &acl.counters(), &Bump::new());
//! assert!(!decision.verdict.passes());
//! assert_eq!(decision.labels, ["awswaf:managed:aws:sql-database:SQLi_QueryArguments"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Part`]: palisade_waf::statement::Part
#![forbid(unsafe_code)]

mod acl;
mod attacks;
mod catalog;
mod names;
mod readings;
mod rules;

pub use acl::{Listener, Managed, UnknownGroup, web_acl};
pub use attacks::ATTACKS;
pub use catalog::{Group, Rule, catalog, groups};
