//! JSON bodies.

mod document;
mod read;
mod write;

pub(crate) use read::{read_structure, read_value};
pub(crate) use write::{write_members, write_string, write_value};
