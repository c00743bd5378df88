//! Recognises the structure of an attack in one text value.
//!
//! Give it a value as the application behind would see it (a query argument, a form field, a header, a JSON string,
//! already decoded) and it says whether the value *does* something in a place where data is expected: ends a string
//! and goes on in SQL, opens a tag, starts a command, climbs out of a folder. It knows no list of attacks; each
//! detector reads its language with a tokenizer of its own and judges the structure.
//!
//! ```
//! use palisade_injection::{Kind, Sensitivity, inspect, sql};
//!
//! let attack = sql(b"1' OR 'a'='a", Sensitivity::Low).unwrap();
//! assert_eq!((attack.kind, attack.reason), (Kind::Sql, "tautology"));
//! assert_eq!(sql(b"O'Neill or O'Brien", Sensitivity::Low), None);
//!
//! assert_eq!(inspect(b"select the best from our menu", Sensitivity::Low), None);
//! assert_eq!(inspect(b"<svg/onload=alert(1)>", Sensitivity::Low).unwrap().kind, Kind::Xss);
//! ```
//!
//! Pure and bounded: no I/O, no state, time linear in the value, and no allocation unless the value holds character
//! references or full-width letters that may spell markup. Decoding of transports (URL, base64, JSON) is the
//! caller's.
#![forbid(unsafe_code)]

mod address;
mod batch;
mod bytes;
mod expression;
mod finding;
mod inspect;
mod lines;
mod markup;
mod object;
mod path;
mod php;
mod query;
mod server;
mod shell;
mod sql;
mod template;
mod upload;
mod windows;
mod xss;

pub use address::{metadata, redirect, rfi, ssrf};
pub use expression::{expression, log_lookup};
pub use finding::{Finding, Kind, Sensitivity};
pub use inspect::{Kinds, inspect, inspect_for, kinds_in};
pub use lines::{crlf, mail};
pub use markup::{ssi, xxe};
pub use object::{deserialisation, prototype};
pub use path::path;
pub use php::php;
pub use query::{graphql, ldap, nosql, xpath};
pub use server::server_script;
pub use shell::shell;
pub use sql::sql;
pub use template::template;
pub use upload::upload;
pub use windows::{powershell, windows};
pub use xss::xss;
