//! Encoded authorization messages: what a refusal says to whoever may decode it.
//!
//! A refused caller learns little, lest a stranger learn how an account is guarded. With `--explain-denials` the answer carries the
//! rest sealed, and `sts:DecodeAuthorizationMessage` opens it for a principal of the same account. The document's form is the one
//! the STS API Reference describes for DecodeAuthorizationMessage.
//!
//! ```
//! use palisade_core::authorization_message::{Message, decode};
//! # use palisade_core::{AccountId, RootKey, RootKeySeal, testing::Counting};
//! # let seal = RootKeySeal::new(RootKey::new(zeroize::Zeroizing::new([7; 32])), vec![]);
//! let account = AccountId::new("111122223333").unwrap();
//! let message = Message {
//!     explicit_deny: false,
//!     matched: vec![],
//!     principal_id: "AIDAEXAMPLE".into(),
//!     principal_arn: "arn:aws:iam::111122223333:user/ann".into(),
//!     action: "s3:GetObject".into(),
//!     resource: "arn:aws:s3:::docs/a".into(),
//!     conditions: vec![("aws:SourceIp".into(), vec!["203.0.113.7".into()])],
//! };
//! let encoded = message.encode(&account, &seal, &mut Counting::default());
//! let json = decode(&encoded, &account, &seal).unwrap();
//! assert!(json.starts_with(r#"{"allowed":false,"explicitDeny":false,"matchedStatements":{"items":[]}"#));
//! ```

use std::fmt::Write as _;

use crate::{AccountId, Random, Seal, Sealed};

/// The longest message that can be handed back to be decoded, in characters (STS API Reference, `EncodedMessage`).
pub const ENCODED_LENGTH_MAX: usize = 10_240;

const PURPOSE: &str = "authorization-message";

/// How much of a message's text there is room for: it is packed, sealed and written in base 64.
const TEXT_LENGTH_MAX: usize = 256 * 1024;

/// Why a question was answered with no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// A statement denied it; else none allowed it.
    pub explicit_deny: bool,
    /// The statements that decided.
    pub matched: Vec<Matched>,
    /// The caller's unique id, as `aws:userid` gives it.
    pub principal_id: String,
    /// The caller's ARN.
    pub principal_arn: String,
    /// The action asked for.
    pub action: String,
    /// The resource it was asked about.
    pub resource: String,
    /// The condition keys of the request and their values.
    pub conditions: Vec<(String, Vec<String>)>,
}

/// A statement that decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Its Sid; empty where it has none.
    pub statement_id: String,
    /// Whether it denies.
    pub denies: bool,
    /// Its principals, actions and resources as written.
    pub principals: Vec<String>,
    /// Its actions as written.
    pub actions: Vec<String>,
    /// Its resources as written.
    pub resources: Vec<String>,
}

/// A text that is no message of this deployment for that account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an authorization message of this account")]
pub struct InvalidMessage;

impl Message {
    /// The message sealed for principals of `account`. The values of condition keys are left out, the longest first, where it
    /// would be too long to be handed back.
    pub fn encode(&self, account: &AccountId, seal: &dyn Seal, random: &mut dyn Random) -> String {
        let mut shortened = self.clone();
        loop {
            let encoded = shortened.seal(account, seal, random);
            if encoded.len() <= ENCODED_LENGTH_MAX || !shortened.shorten() {
                return encoded;
            }
        }
    }

    /// The document that decoding gives.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(512);
        let _ = write!(
            out,
            r#"{{"allowed":false,"explicitDeny":{},"matchedStatements":"#,
            self.explicit_deny
        );
        items(&mut out, &self.matched, |out, statement| {
            statement.write(out)
        });
        out.push_str(r#","failures":{"items":[]},"context":{"principal":{"id":"#);
        quote(&mut out, &self.principal_id);
        out.push_str(r#","arn":"#);
        quote(&mut out, &self.principal_arn);
        out.push_str(r#"},"action":"#);
        quote(&mut out, &self.action);
        out.push_str(r#","resource":"#);
        quote(&mut out, &self.resource);
        out.push_str(r#","conditions":"#);
        items(&mut out, &self.conditions, |out, (key, found)| {
            out.push_str(r#"{"key":"#);
            quote(out, key);
            out.push_str(r#","values":"#);
            values(out, found);
            out.push('}');
        });
        out.push_str("}}");
        out
    }

    fn seal(&self, account: &AccountId, seal: &dyn Seal, random: &mut dyn Random) -> String {
        let packed = lz4_flex::compress_prepend_size(self.to_json().as_bytes());
        crate::base64_encode(
            seal.seal(PURPOSE, account.as_str(), &packed, random)
                .as_bytes(),
        )
    }

    /// Drops the longest condition key, then what the statements list; `false` when nothing is left to drop.
    fn shorten(&mut self) -> bool {
        let length = |(key, values): &(String, Vec<String>)| {
            key.len() + values.iter().map(String::len).sum::<usize>()
        };
        let longest = self
            .conditions
            .iter()
            .enumerate()
            .max_by_key(|(_, condition)| length(condition));
        match longest.map(|(at, _)| at) {
            Some(at) => drop(self.conditions.remove(at)),
            None => return self.matched.pop().is_some(),
        }
        true
    }
}

impl Matched {
    fn write(&self, out: &mut String) {
        out.push_str(r#"{"statementId":"#);
        quote(out, &self.statement_id);
        let _ = write!(
            out,
            r#","effect":"{}","principals":"#,
            if self.denies { "DENY" } else { "ALLOW" }
        );
        values(out, &self.principals);
        out.push_str(r#","principalGroups":{"items":[]},"actions":"#);
        values(out, &self.actions);
        out.push_str(r#","resources":"#);
        values(out, &self.resources);
        out.push_str(r#","conditions":{"items":[]}}"#);
    }
}

/// Opens a message that was encoded for `account`, and gives its document.
///
/// # Errors
/// When it was altered, is another account's or deployment's, or was never one.
pub fn decode(
    encoded: &str,
    account: &AccountId,
    seal: &dyn Seal,
) -> Result<String, InvalidMessage> {
    if encoded.len() > ENCODED_LENGTH_MAX {
        return Err(InvalidMessage);
    }
    let sealed = Sealed::from_bytes(crate::base64_decode(encoded).ok_or(InvalidMessage)?);
    let packed = seal
        .open(PURPOSE, account.as_str(), &sealed)
        .map_err(|_| InvalidMessage)?;
    let (size, _) = packed.split_first_chunk::<4>().ok_or(InvalidMessage)?;
    if u32::from_le_bytes(*size) as usize > TEXT_LENGTH_MAX {
        return Err(InvalidMessage);
    }
    let plain = lz4_flex::decompress_size_prepended(&packed).map_err(|_| InvalidMessage)?;
    String::from_utf8(plain).map_err(|_| InvalidMessage)
}

/// `{"items":[…]}`
fn items<T>(out: &mut String, list: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push_str(r#"{"items":["#);
    for (at, item) in list.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push_str("]}");
}

/// `{"items":[{"value":"…"}]}`
fn values(out: &mut String, list: &[String]) {
    items(out, list, |out, value| {
        out.push_str(r#"{"value":"#);
        quote(out, value);
        out.push('}');
    });
}

/// A JSON string (RFC 8259, section 7).
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;
    use crate::{RootKey, RootKeySeal};
    use zeroize::Zeroizing;

    fn seal() -> RootKeySeal {
        RootKeySeal::new(RootKey::new(Zeroizing::new([7; 32])), vec![])
    }

    fn account(number: &str) -> AccountId {
        AccountId::new(number).unwrap()
    }

    fn message() -> Message {
        Message {
            explicit_deny: true,
            matched: vec![Matched {
                statement_id: "NoDeletes".into(),
                denies: true,
                principals: vec![],
                actions: vec!["iam:Delete*".into()],
                resources: vec!["*".into()],
            }],
            principal_id: "AROAEXAMPLE:s1".into(),
            principal_arn: "arn:aws:sts::111122223333:assumed-role/app/s1".into(),
            action: "iam:DeleteUser".into(),
            resource: "arn:aws:iam::111122223333:user/\"odd\"\n".into(),
            conditions: vec![("aws:TagKeys".into(), vec!["a".into(), "b".into()])],
        }
    }

    #[test]
    fn decoding_gives_the_document_back() {
        let encoded = message().encode(&account("111122223333"), &seal(), &mut Counting::default());
        let json = decode(&encoded, &account("111122223333"), &seal()).unwrap();
        assert_eq!(
            json,
            r#"{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"NoDeletes","effect":"DENY","principals":{"items":[]},"principalGroups":{"items":[]},"actions":{"items":[{"value":"iam:Delete*"}]},"resources":{"items":[{"value":"*"}]},"conditions":{"items":[]}}]},"failures":{"items":[]},"context":{"principal":{"id":"AROAEXAMPLE:s1","arn":"arn:aws:sts::111122223333:assumed-role/app/s1"},"action":"iam:DeleteUser","resource":"arn:aws:iam::111122223333:user/\"odd\"\u000a","conditions":{"items":[{"key":"aws:TagKeys","values":{"items":[{"value":"a"},{"value":"b"}]}}]}}}"#
        );
    }

    #[test]
    fn another_account_cannot_open_it() {
        let encoded = message().encode(&account("111122223333"), &seal(), &mut Counting::default());
        assert_eq!(
            decode(&encoded, &account("444455556666"), &seal()),
            Err(InvalidMessage)
        );
        for text in ["", "AAAA", "not base 64!", &encoded[4..]] {
            assert_eq!(
                decode(text, &account("111122223333"), &seal()),
                Err(InvalidMessage),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_message_still_fits_the_request_that_decodes_it() {
        let mut long = message();
        let mut random = Counting::default();
        // Random text, so that packing does not shorten it.
        let mut noise = || {
            (0..600)
                .map(|_| {
                    crate::Secret::generate_access_key(&mut random)
                        .expose()
                        .to_owned()
                })
                .collect::<String>()
        };
        long.conditions
            .push(("aws:RequestTag/noise".into(), vec![noise()]));
        long.matched.push(Matched {
            resources: vec![noise()],
            ..Matched::default()
        });
        let encoded = long.encode(&account("111122223333"), &seal(), &mut Counting::default());
        assert!(encoded.len() <= ENCODED_LENGTH_MAX, "{}", encoded.len());
        let json = decode(&encoded, &account("111122223333"), &seal()).unwrap();
        assert!(
            json.contains("iam:DeleteUser") && json.contains("NoDeletes"),
            "{json}"
        );
    }
}
