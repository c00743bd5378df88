//! Key states, and what a key may be asked for in each: a table.
//!
//! Source: KMS Developer Guide, "Key states of AWS KMS keys", table and its details. An operation that is not in the table works in
//! every state.

use palisade_model::ApiError;

use crate::api::errors;
use crate::tables::Origin;

/// The state of a key (`KeyState` of the model).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Creating,
    Enabled,
    Disabled,
    PendingImport,
    PendingDeletion,
    PendingReplicaDeletion,
    Unavailable,
    Updating,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Creating,
        Self::Enabled,
        Self::Disabled,
        Self::PendingImport,
        Self::PendingDeletion,
        Self::PendingReplicaDeletion,
        Self::Unavailable,
        Self::Updating,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingImport => "PendingImport",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
            Self::Unavailable => "Unavailable",
            Self::Updating => "Updating",
        }
    }
}

/// Whether a state lets an operation pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It does.
    Yes,
    /// `DisabledException`: the key is disabled.
    Disabled,
    /// `KMSInvalidStateException`, with what the key is.
    Is(&'static str),
}

use Cell::{Disabled as D, Yes as Y};
const C: Cell = Cell::Is("is creating");
const I: Cell = Cell::Is("is pending import");
const P: Cell = Cell::Is("is pending deletion");
const R: Cell = Cell::Is("is pending replica deletion");
const N: Cell = Cell::Is("is not pending deletion");
const V: Cell = Cell::Is("is unavailable");
const U: Cell = Cell::Is("is updating");

/// A row: a cell for each state, in the order of [`State::ALL`].
type Row = [Cell; 8];

/// Using a key.
const USE: Row = [C, Y, D, I, P, R, V, Y];
/// What needs a key that is neither on its way in nor out.
const LASTING: Row = [C, Y, Y, Y, P, R, Y, Y];
/// Turning a key on or off.
const SWITCH: Row = [C, Y, Y, I, P, R, Y, U];
/// Changing how it is rotated.
const ROTATE: Row = [C, Y, D, I, P, R, V, U];

/// Changing which Regions have it.
const REGIONS: Row = [C, Y, D, Y, P, R, V, U];

/// Every operation that some state refuses.
pub(crate) const TABLE: &[(&str, Row)] = &[
    ("CancelKeyDeletion", [N, N, N, N, Y, Y, N, N]),
    ("CreateAlias", LASTING),
    ("CreateGrant", [C, Y, D, I, P, R, Y, Y]),
    ("Decapsulate", USE),
    ("Decrypt", USE),
    ("DeriveSharedSecret", USE),
    ("DisableKey", SWITCH),
    ("DisableKeyRotation", ROTATE),
    ("EnableKey", SWITCH),
    ("EnableKeyRotation", ROTATE),
    ("Encapsulate", USE),
    ("Encrypt", USE),
    ("GenerateDataKey", USE),
    ("GenerateDataKeyPair", USE),
    ("GenerateDataKeyPairWithoutPlaintext", USE),
    ("GenerateDataKeyWithoutPlaintext", USE),
    ("GenerateMac", USE),
    ("GetParametersForImport", LASTING),
    ("GetPublicKey", USE),
    ("ImportKeyMaterial", LASTING),
    ("ReEncrypt", USE),
    ("ReplicateKey", REGIONS),
    ("RotateKeyOnDemand", ROTATE),
    ("ScheduleKeyDeletion", [C, Y, Y, Y, P, R, Y, U]),
    ("Sign", USE),
    ("TagResource", LASTING),
    ("UntagResource", LASTING),
    ("UpdateAlias", LASTING),
    ("UpdateKeyDescription", LASTING),
    ("UpdatePrimaryRegion", REGIONS),
    ("Verify", USE),
    ("VerifyMac", USE),
];

/// Operations that want materials of one origin. What else there is is `UnsupportedOperationException` there.
pub(crate) const ORIGINS: &[(&str, Origin)] = &[
    ("DeleteImportedKeyMaterial", Origin::External),
    ("DisableKeyRotation", Origin::AwsKms),
    ("EnableKeyRotation", Origin::AwsKms),
    ("GetParametersForImport", Origin::External),
    ("ImportKeyMaterial", Origin::External),
];

/// Whether a key of that origin and state may be asked for `operation`; the error names the key by its ARN.
pub(crate) fn check(
    operation: &str,
    origin: Origin,
    state: State,
    arn: &str,
) -> Result<(), ApiError> {
    let wanted = ORIGINS.iter().find(|(name, _)| *name == operation);
    if wanted.is_some_and(|(_, wanted)| *wanted != origin) {
        let has = origin.as_str();
        return Err(errors::unsupported_operation_exception(format!(
            "{arn} origin is {has} which is not valid for this operation."
        )));
    }
    let row = TABLE.iter().find(|(name, _)| *name == operation);
    let column = State::ALL.iter().position(|known| *known == state);
    let cell = row
        .zip(column)
        .and_then(|((_, row), column)| row.get(column))
        .copied();
    match cell.unwrap_or(Y) {
        Y => Ok(()),
        D => Err(errors::disabled_exception(format!("{arn} is disabled."))),
        Cell::Is(what) => Err(errors::kms_invalid_state_exception(format!(
            "{arn} {what}."
        ))),
    }
}

impl Origin {
    /// The model's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(operation: &str, origin: Origin, state: State) -> String {
        match check(operation, origin, state, "arn") {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{}: {}", error.code, error.message),
        }
    }

    #[test]
    fn the_table_is_sorted_and_names_operations_that_there_are() {
        assert!(TABLE.is_sorted_by_key(|(name, _)| *name));
        assert!(ORIGINS.is_sorted_by_key(|(name, _)| *name));
        for (name, _) in TABLE {
            let known = crate::api::OPERATIONS.iter().any(|row| row.name == *name);
            assert!(known, "{name} has no row");
        }
    }

    #[test]
    fn states_refuse_as_documented() {
        let own = |operation: &str, state| code(operation, Origin::AwsKms, state);
        assert_eq!(own("Encrypt", State::Enabled), "ok");
        assert_eq!(own("Encrypt", State::Updating), "ok");
        assert_eq!(
            own("Encrypt", State::Disabled),
            "DisabledException: arn is disabled."
        );
        assert_eq!(
            own("Decrypt", State::PendingDeletion),
            "KMSInvalidStateException: arn is pending deletion."
        );
        assert_eq!(
            code("Decrypt", Origin::External, State::PendingImport),
            "KMSInvalidStateException: arn is pending import."
        );
        assert_eq!(
            own("CancelKeyDeletion", State::Enabled),
            "KMSInvalidStateException: arn is not pending deletion."
        );
        assert_eq!(own("DescribeKey", State::PendingDeletion), "ok");
        assert_eq!(own("PutKeyPolicy", State::Disabled), "ok");
        assert_eq!(
            code("EnableKeyRotation", Origin::External, State::Enabled),
            "UnsupportedOperationException: arn origin is EXTERNAL which is not valid for this operation."
        );
    }
}
