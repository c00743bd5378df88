//! What the two REST protocols have in common: where in the HTTP message a member is.

mod input;
mod output;
mod router;
mod template;

pub(crate) use input::{payload_bytes, read_head};
pub(crate) use output::write_head;
pub(crate) use router::{Route, Router};

use palisade_model::{Member, ServiceModel, ShapeKind, StructureShape};

/// What an HTTP body holds.
pub(crate) enum Payload<'m> {
    /// The bytes or text of a member as they are.
    Raw(&'m Member),
    /// A member, as a document of its own.
    Document(&'m Member),
    /// The members that are nowhere else in the message.
    Members,
    /// Nothing.
    Nothing,
}

/// What the body of a message of that shape holds; `in_body` tells of a member whether it is there.
pub(crate) fn payload<'m>(
    model: &ServiceModel,
    shape: &'m StructureShape,
    in_body: fn(&Member) -> bool,
) -> Payload<'m> {
    match shape.payload_member() {
        Some(member) => match &model.shape(member.shape).kind {
            ShapeKind::Blob | ShapeKind::String(_) => Payload::Raw(member),
            // A stream of events is written by whoever has the connection.
            ShapeKind::Structure(structure) if structure.event_stream => Payload::Raw(member),
            _ => Payload::Document(member),
        },
        None if shape.members().iter().any(in_body) => Payload::Members,
        None => Payload::Nothing,
    }
}
