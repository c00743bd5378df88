//! What users, groups and roles have in common: they hold policies.

use palisade_core::CallError;

use crate::api::errors;
use crate::limits;
use crate::named::Named;
use crate::tables::Policies;

/// A thing that policies are attached to and embedded in.
pub(crate) trait Holder: Named {
    /// Characters of all its inline policies together, white space not counted.
    const INLINE_CHARACTERS_MAX: usize;
    /// Managed policies attached to it.
    const ATTACHED_MAX: usize = limits::ATTACHED_POLICIES;
    /// The name of that quota.
    const ATTACHED_QUOTA: &'static str;

    fn policies(&self) -> &Policies;
    fn policies_mut(&mut self) -> &mut Policies;
}

/// Refuses to remove what still has policies.
pub(crate) fn check_bare<T: Holder>(row: &T) -> Result<(), CallError> {
    let first = match row.policies() {
        policies if !policies.attached.is_empty() => "detach all policies",
        policies if !policies.inline.is_empty() => "delete policies",
        _ => return Ok(()),
    };
    Err(
        errors::delete_conflict_exception(format!("Cannot delete entity, must {first} first."))
            .into(),
    )
}
