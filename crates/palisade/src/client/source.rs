//! Where a profile's credentials come from: its keys, a process, or a role that other credentials assume (AWS SDKs and Tools Reference
//! Guide, "Assume role credential provider", "Process credential provider"; the order is botocore's).

use anyhow::{Context, bail, ensure};
use palisade_core::Secret;

use super::profile::{Profile, Profiles};
use super::role::Role;

/// How many profiles a chain of `source_profile` may have.
const CHAIN_LENGTH_MAX: usize = 10;

/// Settings of sources that are not followed.
const ELSEWHERE: [&str; 4] = [
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "login_session",
];

/// What requests are signed with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret.
    pub secret: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

/// Where credentials come from.
#[derive(Debug)]
pub enum Source {
    /// They are here.
    Keys(Credentials),
    /// A program prints them.
    Process(String),
    /// They are a session of a role, which credentials of another source assume.
    Role(Role, Box<Source>),
}

impl Source {
    /// The keys in the environment, if there are any.
    ///
    /// # Errors
    /// When there is an access key without its secret.
    pub fn environment(variables: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Option<Self>> {
        let Some(access_key_id) = variables("AWS_ACCESS_KEY_ID") else {
            return Ok(None);
        };
        let secret = variables("AWS_SECRET_ACCESS_KEY")
            .context("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not")?;
        Ok(Some(Self::Keys(Credentials {
            access_key_id,
            secret: Secret::new(secret),
            session_token: variables("AWS_SESSION_TOKEN"),
        })))
    }

    /// Where the credentials of a profile come from.
    ///
    /// # Errors
    /// When the profile, or one that it takes them from, has none or has them from elsewhere.
    pub fn of_profile(profiles: &Profiles<'_>, name: &str) -> anyhow::Result<Self> {
        let profile = profiles.get(name)?.unwrap_or_default();
        // The role comes before keys in the same profile, which may be the very ones to assume it with.
        match profile.setting("role_arn") {
            Some(arn) => role(profiles, name, &profile, arn, &mut Vec::new()),
            None => own(name, &profile),
        }
    }
}

/// The role of a profile and what assumes it.
fn role(
    profiles: &Profiles<'_>,
    name: &str,
    profile: &Profile,
    arn: &str,
    visited: &mut Vec<String>,
) -> anyhow::Result<Source> {
    ensure!(
        visited.len() < CHAIN_LENGTH_MAX,
        "the chain of source_profile has more than {CHAIN_LENGTH_MAX} profiles: {}",
        visited.join(", ")
    );
    visited.push(name.to_owned());
    for unfollowed in ["web_identity_token_file", "mfa_serial"] {
        if profile.setting(unfollowed).is_some() {
            bail!(not_followed(name, unfollowed));
        }
    }
    let given = (
        profile.setting("source_profile"),
        profile.setting("credential_source"),
    );
    let source = match given {
        (Some(_), Some(_)) => {
            bail!("the profile {name} has both source_profile and credential_source")
        }
        (None, None) => {
            bail!(
                "the profile {name} has a role_arn and neither source_profile nor credential_source"
            )
        }
        (None, Some(kind)) => {
            ensure!(
                kind.eq_ignore_ascii_case("Environment"),
                "the profile {name} has credential_source = {kind}; palisade follows Environment only"
            );
            Source::environment(profiles.variables)?.with_context(|| {
                format!("the profile {name} takes its credentials from the environment, which has no AWS_ACCESS_KEY_ID")
            })?
        }
        (Some(from), None) => source_profile(profiles, name, from, visited)?,
    };
    Ok(Source::Role(
        Role::of(name, profile, arn)?,
        Box::new(source),
    ))
}

fn source_profile(
    profiles: &Profiles<'_>,
    name: &str,
    from: &str,
    visited: &mut Vec<String>,
) -> anyhow::Result<Source> {
    let profile = profiles
        .get(from)?
        .with_context(|| format!("the profile {name} names the source_profile {from}, which is in neither of the AWS files"))?;
    let has_keys = profile.setting("aws_access_key_id").is_some();
    // A profile may take the keys that stand in itself.
    ensure!(
        !visited.iter().any(|known| known == from) || (from == name && has_keys),
        "the source_profile of {name} leads back to {from}"
    );
    match profile.setting("role_arn") {
        Some(arn) if !has_keys => role(profiles, from, &profile, arn, visited),
        _ => own(from, &profile),
    }
}

/// The credentials that a profile has itself: keys in the credentials file, a process, keys in the config file.
fn own(name: &str, profile: &Profile) -> anyhow::Result<Source> {
    if !profile.has_shared_keys()
        && let Some(command) = profile.setting("credential_process")
    {
        return Ok(Source::Process(command.to_owned()));
    }
    let Some(access_key_id) = profile.setting("aws_access_key_id") else {
        match ELSEWHERE
            .into_iter()
            .find(|key| profile.setting(key).is_some())
        {
            Some(key) => bail!(not_followed(name, key)),
            None => bail!(
                "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile that has them"
            ),
        }
    };
    let secret = profile
        .setting("aws_secret_access_key")
        .with_context(|| format!("the access key of the profile {name} has no secret beside it"))?;
    Ok(Source::Keys(Credentials {
        access_key_id: access_key_id.to_owned(),
        secret: Secret::new(secret.to_owned()),
        session_token: profile.setting("aws_session_token").map(str::to_owned),
    }))
}

fn not_followed(profile: &str, key: &str) -> String {
    format!(
        "the profile {profile} gets its credentials by {key}, which palisade does not follow: put them into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    )
}
