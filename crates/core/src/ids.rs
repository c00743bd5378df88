//! Unique ids as IAM makes them: a four-letter prefix that names the kind, then base-32 text.
//!
//! Access key ids carry their account, as AWS's do since 2019, so `GetAccessKeyInfo` needs no look-up: the sixteen characters behind
//! the prefix are 80 bits in base 32; bits 1 to 40 of the first 48 are the account number.

use crate::AccountId;

/// What a unique id names, by its documented prefix (IAM User Guide, "Unique identifiers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `AIDA`, a user.
    User,
    /// `AROA`, a role.
    Role,
    /// `AGPA`, a group.
    Group,
    /// `ANPA`, a managed policy.
    Policy,
    /// `AIPA`, an instance profile.
    InstanceProfile,
}

impl IdKind {
    /// The four-letter prefix.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Role => "AROA",
            Self::Group => "AGPA",
            Self::Policy => "ANPA",
            Self::InstanceProfile => "AIPA",
        }
    }
}

/// A unique id of 21 characters made from 85 of the given random bits.
pub fn unique_id(kind: IdKind, random: [u8; 17]) -> String {
    let mut id = String::with_capacity(21);
    id.push_str(kind.prefix());
    id.extend(random.iter().map(|b| digit(u64::from(*b))));
    id
}

/// Long-term (`AKIA`) or session (`ASIA`) access key ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKeyKind {
    /// `AKIA`: of a user or an account's root.
    LongTerm,
    /// `ASIA`: of a session.
    Session,
}

/// An access key id of 20 characters that carries `account`, filled up with 39 random bits.
pub fn access_key_id(kind: AccessKeyKind, account: &AccountId, random: u64) -> String {
    let prefix = match kind {
        AccessKeyKind::LongTerm => "AKIA",
        AccessKeyKind::Session => "ASIA",
    };
    // 80 bits: one set bit, 40 of the account, 39 random ones.
    let bits: u128 =
        1 << 79 | u128::from(account.number()) << 39 | u128::from(random & ((1 << 39) - 1));
    let mut id = String::with_capacity(20);
    id.push_str(prefix);
    id.extend(
        (0..16)
            .rev()
            .map(|i| digit(((bits >> (5 * i)) & 31) as u64)),
    );
    id
}

/// The account an access key id carries; `None` where it is not of that form.
pub fn account_of_access_key(id: &str) -> Option<AccountId> {
    let body = id
        .strip_prefix("AKIA")
        .or_else(|| id.strip_prefix("ASIA"))?;
    if body.len() != 16 {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in body.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u128::from(value);
    }
    // Ids without the set bit carry no account: AWS's older ones, and made-up ones.
    if bits >> 79 != 1 {
        return None;
    }
    AccountId::from_number(((bits >> 39) & ((1 << 40) - 1)) as u64)
}

/// RFC 4648 base 32, the low five bits of `value`.
fn digit(value: u64) -> char {
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(value & 31) as usize] as char
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_key_ids_carry_their_account() {
        for number in ["000000000000", "111122223333", "999999999999"] {
            let account = AccountId::new(number).unwrap();
            for random in [0, u64::MAX, 0x1234_5678_9abc] {
                let id = access_key_id(AccessKeyKind::Session, &account, random);
                assert_eq!(id.len(), 20);
                assert!(id.starts_with("ASIA"));
                assert_eq!(account_of_access_key(&id), Some(account.clone()));
            }
        }
    }

    #[test]
    fn foreign_texts_carry_no_account() {
        for id in [
            "test",
            "AKIA",
            "AKIA0000000000000000",
            "AKIAAAAAAAAAAAAAAAAé",
            "AKIAIOSFODNN7EXAMPLE",
            "AKIANONENONENONENONE",
        ] {
            assert_eq!(account_of_access_key(id), None, "{id}");
        }
    }

    #[test]
    fn unique_ids_have_their_prefix_and_length() {
        assert_eq!(unique_id(IdKind::Role, [0; 17]), "AROAAAAAAAAAAAAAAAAAA");
        assert_eq!(unique_id(IdKind::User, [255; 17]).len(), 21);
    }
}
