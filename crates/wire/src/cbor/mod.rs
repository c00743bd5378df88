//! CBOR bodies (RFC 8949), as far as Smithy RPC v2 uses it.

mod cursor;
mod read;
mod write;

pub(crate) use read::read_structure;
pub(crate) use write::{write_map_head, write_members, write_text};
