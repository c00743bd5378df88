//! A role that a profile assumes.

use anyhow::{Context, bail};
use hyper::Method;

use super::profile::Profile;
use super::source::Credentials;
use super::{Client, Message};

/// What AssumeRole is called with.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    arn: String,
    /// `None` takes a name of our own.
    session_name: Option<String>,
    external_id: Option<String>,
    duration_seconds: Option<u32>,
}

impl Role {
    /// The role as a profile describes it.
    ///
    /// # Errors
    /// When a setting is not of its form.
    pub fn of(name: &str, profile: &Profile, arn: &str) -> anyhow::Result<Self> {
        let text = |key: &str| profile.setting(key).map(str::to_owned);
        let seconds = |text: String| {
            text.parse().with_context(|| {
                format!("duration_seconds = {text} in the profile {name} is no number")
            })
        };
        Ok(Self {
            arn: arn.to_owned(),
            session_name: text("role_session_name"),
            external_id: text("external_id"),
            duration_seconds: text("duration_seconds").map(seconds).transpose()?,
        })
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Assumes it; `client` has the credentials to do so with.
    ///
    /// # Errors
    /// When the server refuses, or cannot be reached.
    pub async fn assume(&self, client: &Client) -> anyhow::Result<Credentials> {
        let message = Message {
            method: Method::POST,
            path: "/",
            service: "sts",
            content_type: "application/x-www-form-urlencoded",
            body: self.form().into(),
        };
        let answer = client.text_of(message).await;
        let answer = answer.with_context(|| format!("cannot assume {}", self.arn()))?;
        let found = |name: &str| element(&answer, name).map(str::to_owned);
        match (
            found("AccessKeyId"),
            found("SecretAccessKey"),
            found("SessionToken"),
        ) {
            (Some(access_key_id), Some(secret), Some(token)) => Ok(Credentials {
                access_key_id,
                secret: palisade_core::Secret::new(secret),
                session_token: Some(token),
            }),
            _ => bail!("the answer to AssumeRole has no credentials"),
        }
    }

    fn form(&self) -> String {
        let session_name = self.session_name.clone();
        let session_name = session_name.unwrap_or_else(|| format!("palisade-{}", super::now()));
        let mut form = "Action=AssumeRole&Version=2011-06-15".to_owned();
        let mut add = |name: &str, value: &str| {
            form.push_str(&format!("&{name}={}", encoded(value)));
        };
        add("RoleArn", &self.arn);
        add("RoleSessionName", &session_name);
        if let Some(id) = &self.external_id {
            add("ExternalId", id);
        }
        if let Some(seconds) = self.duration_seconds {
            add("DurationSeconds", &seconds.to_string());
        }
        form
    }
}

/// The text of the first element of that name. What is looked for here is never escaped: keys and Base64.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// A value of a form.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_set_is_asked_for_and_encoded() {
        let role = Role {
            arn: "arn:aws:iam::111122223333:role/app".to_owned(),
            session_name: Some("a b".to_owned()),
            external_id: Some("x&y=z".to_owned()),
            duration_seconds: Some(900),
        };
        let form = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fapp\
                    &RoleSessionName=a%20b&ExternalId=x%26y%3Dz&DurationSeconds=900";
        assert_eq!(role.form(), form);
    }
}
