//! wafv2's JSON, read into a [`Document`]: a web ACL with what it refers to.

mod document;
mod field;
mod group;
mod rate;
mod reader;
mod regions;
mod rule;
mod statement;

pub use document::Document;
