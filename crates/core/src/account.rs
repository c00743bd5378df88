use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An AWS account id: twelve decimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

/// A text that is no account id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account id is twelve digits")]
pub struct InvalidAccountId;

impl AccountId {
    /// Takes twelve digits; anything else is [`InvalidAccountId`].
    pub fn new(text: &str) -> Result<Self, InvalidAccountId> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        digits
            .then(|| Self(Arc::from(text)))
            .ok_or(InvalidAccountId)
    }

    /// The account of a number, as access key ids carry it; `None` beyond twelve digits.
    pub fn from_number(number: u64) -> Option<Self> {
        (number < 1_000_000_000_000).then(|| Self(Arc::from(format!("{number:012}"))))
    }

    /// The id read as a number.
    pub fn number(&self) -> u64 {
        self.0
            .bytes()
            .fold(0, |n, b| n * 10 + u64::from(b.wrapping_sub(b'0')))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;
    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        Self::new(text)
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;
    fn try_from(text: String) -> Result<Self, InvalidAccountId> {
        Self::new(&text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> String {
        id.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert!(AccountId::new("000000000000").is_ok());
        for bad in ["", "1", "1234567890123", "12345678901a", "１２３４"] {
            assert_eq!(AccountId::new(bad), Err(InvalidAccountId), "{bad}");
        }
    }

    #[test]
    fn number_and_text_agree() {
        let id = AccountId::new("000000001234").unwrap();
        assert_eq!(id.number(), 1234);
        assert_eq!(AccountId::from_number(1234), Some(id));
        assert_eq!(AccountId::from_number(1_000_000_000_000), None);
    }
}
