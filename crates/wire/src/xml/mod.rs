//! XML bodies.

mod dom;
mod read;
mod write;

pub(crate) use dom::Element;
pub(crate) use read::read_structure;
pub(crate) use write::Writer;
