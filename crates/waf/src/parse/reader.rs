//! Reading JSON by member names, with the place of everything that is wrong.

use serde_json::{Map, Value};

use crate::error::Error;

/// An object of the document: its members, where it is, and the kind of thing it is (`ParameterExceptionField`).
#[derive(Clone)]
pub(super) struct Object<'v> {
    members: &'v Map<String, Value>,
    pub(super) at: String,
    pub(super) field: &'static str,
}

impl<'v> Object<'v> {
    /// `value` as an object with no other members than `known`: an unknown one could be a rule that does not protect.
    pub(super) fn new(
        value: &'v Value,
        at: String,
        field: &'static str,
        known: &[&str],
    ) -> Result<Object<'v>, Error> {
        let Some(members) = value.as_object() else {
            return Err(Error::invalid(field, &at, "This is not an object."));
        };
        if let Some(unknown) = members.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::invalid(
                field,
                &at,
                format!("Unknown member {unknown}."),
            ));
        }
        Ok(Object { members, at, field })
    }

    /// An error about this object.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::invalid(self.field, &self.at, reason)
    }

    /// An error about a member of it.
    pub(super) fn wrong_member(&self, name: &str, reason: impl Into<String>) -> Error {
        Error::invalid(self.field, &self.path(name), reason)
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.at)
        }
    }

    /// A member; null is absent.
    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn require(&self, name: &str) -> Result<&'v Value, Error> {
        self.get(name)
            .ok_or_else(|| self.wrong_member(name, "This member is required."))
    }

    /// A member that is an object with no other members than `known`.
    pub(super) fn object(
        &self,
        name: &str,
        field: &'static str,
        known: &[&str],
    ) -> Result<Object<'v>, Error> {
        Object::new(self.require(name)?, self.path(name), field, known)
    }

    pub(super) fn optional_object(
        &self,
        name: &str,
        field: &'static str,
        known: &[&str],
    ) -> Result<Option<Object<'v>>, Error> {
        self.get(name)
            .map(|_| self.object(name, field, known))
            .transpose()
    }

    /// A text of at least one and at most `most` characters.
    pub(super) fn text(&self, name: &str, most: usize) -> Result<&'v str, Error> {
        self.require(name)?;
        self.optional_text(name, most)?
            .ok_or_else(|| self.wrong_member(name, "This member is required."))
    }

    pub(super) fn optional_text(&self, name: &str, most: usize) -> Result<Option<&'v str>, Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.wrong_member(name, "This is not a string."))?;
        match text.chars().count() {
            0 => Err(self.wrong_member(name, "This must not be empty.")),
            length if length > most => {
                Err(self.wrong_member(name, format!("This has more than {most} characters.")))
            }
            _ => Ok(Some(text)),
        }
    }

    /// A name as entities have: `[\w-]`, at most 128 characters.
    pub(super) fn name(&self, name: &str) -> Result<String, Error> {
        let text = self.text(name, 128)?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !text.bytes().all(known) {
            return Err(self.wrong_member(name, "A name holds letters, digits, - and _."));
        }
        Ok(text.to_owned())
    }

    pub(super) fn integer(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Error> {
        self.require(name)?;
        let value = self.optional_integer(name, range)?;
        value.ok_or_else(|| self.wrong_member(name, "This member is required."))
    }

    pub(super) fn optional_integer(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.as_u64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong_member(
                name,
                format!(
                    "This is not a number from {} to {}.",
                    range.start(),
                    range.end()
                ),
            )),
        }
    }

    /// A member of a list of names, by `of`.
    pub(super) fn choice<T>(&self, name: &str, of: fn(&str) -> Option<T>) -> Result<T, Error> {
        self.require(name)?;
        let choice = self.optional_choice(name, of)?;
        choice.ok_or_else(|| self.wrong_member(name, "This member is required."))
    }

    pub(super) fn optional_choice<T>(
        &self,
        name: &str,
        of: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let choice = value.as_str().and_then(of);
        choice.map(Some).ok_or_else(|| {
            self.wrong_member(
                name,
                format!("{value} is none of the values this can have."),
            )
        })
    }

    /// The elements of a member that is a list of `size` elements; none where it is absent.
    pub(super) fn list(
        &self,
        name: &str,
        size: std::ops::RangeInclusive<usize>,
    ) -> Result<Vec<(String, &'v Value)>, Error> {
        let Some(value) = self.get(name) else {
            if *size.start() > 0 {
                return Err(self.wrong_member(name, "This member is required."));
            }
            return Ok(Vec::new());
        };
        let list = value
            .as_array()
            .ok_or_else(|| self.wrong_member(name, "This is not a list."))?;
        if !size.contains(&list.len()) {
            let reason = format!(
                "This must have {} to {} elements.",
                size.start(),
                size.end()
            );
            return Err(self.wrong_member(name, reason));
        }
        let path = self.path(name);
        let place = |(index, value)| (format!("{path}[{index}]"), value);
        Ok(list.iter().enumerate().map(place).collect())
    }

    /// The elements of a member that is a list of texts.
    pub(super) fn texts(
        &self,
        name: &str,
        size: std::ops::RangeInclusive<usize>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let text = |(at, value): (String, &Value)| match value.as_str() {
            Some(text) if !text.is_empty() && text.chars().count() <= most => Ok(text.to_owned()),
            _ => Err(Error::invalid(
                self.field,
                &at,
                format!("This is not a text of 1 to {most} characters."),
            )),
        };
        self.list(name, size)?.into_iter().map(text).collect()
    }

    /// The one member that is there, of those in `names`.
    pub(super) fn one_of(&self, names: &[&'static str]) -> Result<&'static str, Error> {
        let mut present = names.iter().filter(|name| self.get(name).is_some());
        match (present.next(), present.next()) {
            (Some(name), None) => Ok(name),
            _ => Err(self.wrong("You have used none or multiple values for a field that requires exactly one value.")),
        }
    }

    /// The members as they stand.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'v str, &'v Value)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}
