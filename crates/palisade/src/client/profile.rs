//! Endpoint, region and credentials, found where the AWS CLI finds them: the environment first, then the profile in the shared
//! files (AWS SDKs and Tools Reference Guide, "Shared config and credentials files").

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use palisade_core::Secret;

/// What a signed call needs.
#[derive(Debug)]
pub struct Settings {
    /// The endpoint URL, without a slash at its end.
    pub endpoint: String,
    /// The region to sign for.
    pub region: String,
    /// The access key id.
    pub access_key_id: String,
    /// The secret.
    pub secret: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// A file of certificates to trust, PEM.
    pub ca_bundle: Option<PathBuf>,
}

type Section = BTreeMap<String, String>;
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";
const DEFAULT_REGION: &str = "us-east-1";

impl Settings {
    /// Finds them for this process; `profile` and `endpoint` are what the command line says.
    pub fn find(profile: Option<&str>, endpoint: Option<&str>) -> anyhow::Result<Self> {
        let variables = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        find(&variables, profile, endpoint)
    }
}

fn find(
    variables: Variables<'_>,
    profile: Option<&str>,
    endpoint: Option<&str>,
) -> anyhow::Result<Settings> {
    let named = profile
        .map(str::to_owned)
        .or_else(|| variables("AWS_PROFILE"));
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let config = read_section(
        &file(variables, "AWS_CONFIG_FILE", "config")?,
        &config_section(&name),
    )?;
    let shared = read_section(
        &file(variables, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        &name,
    )?;
    if named.is_some() && config.is_none() && shared.is_none() {
        bail!("the profile {name} is in neither of the AWS files");
    }
    let (config, shared) = (config.unwrap_or_default(), shared.unwrap_or_default());
    let setting = |key: &str| shared.get(key).or_else(|| config.get(key)).cloned();

    // A profile named on the command line outweighs keys in the environment, as with the AWS CLI.
    let from_environment = profile
        .is_none()
        .then(|| variables("AWS_ACCESS_KEY_ID"))
        .flatten();
    let (access_key_id, secret, session_token) = match from_environment {
        Some(id) => (
            id,
            variables("AWS_SECRET_ACCESS_KEY"),
            variables("AWS_SESSION_TOKEN"),
        ),
        None => {
            let id = setting("aws_access_key_id").with_context(|| no_keys(&name, &setting))?;
            (
                id,
                setting("aws_secret_access_key"),
                setting("aws_session_token"),
            )
        }
    };
    let endpoint = endpoint
        .map(str::to_owned)
        .or_else(|| variables("AWS_ENDPOINT_URL_PALISADE"))
        .or_else(|| variables("AWS_ENDPOINT_URL"))
        .or_else(|| setting("endpoint_url"))
        .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    let region = variables("AWS_REGION")
        .or_else(|| variables("AWS_DEFAULT_REGION"))
        .or_else(|| setting("region"))
        .unwrap_or_else(|| DEFAULT_REGION.to_owned());
    Ok(Settings {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        region,
        access_key_id,
        secret: Secret::new(secret.context("the access key has no secret beside it")?),
        session_token,
        ca_bundle: variables("AWS_CA_BUNDLE")
            .or_else(|| setting("ca_bundle"))
            .map(PathBuf::from),
    })
}

/// What to do where a profile holds no keys itself. Roles, processes and sign-ins are the AWS CLI's to resolve.
fn no_keys(profile: &str, setting: &dyn Fn(&str) -> Option<String>) -> String {
    let elsewhere = [
        "role_arn",
        "credential_process",
        "sso_session",
        "sso_start_url",
        "login_session",
    ];
    match elsewhere.into_iter().find(|key| setting(key).is_some()) {
        Some(key) => format!(
            "the profile {profile} gets its credentials by {key}, which palisade does not follow: put them into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        ),
        None => "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile that has them".to_owned(),
    }
}

fn file(variables: Variables<'_>, variable: &str, name: &str) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = variables(variable) {
        return Ok(Some(PathBuf::from(path)));
    }
    Ok(variables("HOME").map(|home| PathBuf::from(home).join(".aws").join(name)))
}

fn config_section(profile: &str) -> String {
    if profile == "default" {
        profile.to_owned()
    } else {
        format!("profile {profile}")
    }
}

fn read_section(path: &Option<PathBuf>, name: &str) -> anyhow::Result<Option<Section>> {
    let Some(path) = path else { return Ok(None) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(section(&text, name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// One section of an INI file as the SDKs write it: `key = value`, whole-line comments, indented lines belong to nested settings.
fn section(text: &str, name: &str) -> Option<Section> {
    let mut found: Option<Section> = None;
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with(['#', ';', ' ', '\t']) || line.trim().is_empty() {
            continue;
        }
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|l| l.trim_end().strip_suffix(']'))
        {
            inside = header.split_whitespace().eq(name.split_whitespace());
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            found
                .get_or_insert_default()
                .insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        }
    }

    #[test]
    fn sections_are_read_as_the_sdks_write_them() {
        let text = "# c\n[default]\nregion = eu-west-1\ns3 =\n  max = 1\n[profile  dev]\naws_access_key_id=A\naws_secret_access_key = b=c\n";
        assert_eq!(section(text, "default").unwrap()["region"], "eu-west-1");
        assert_eq!(
            section(text, "profile dev").unwrap()["aws_secret_access_key"],
            "b=c"
        );
        assert!(section(text, "dev").is_none());
    }

    #[test]
    fn the_environment_comes_first_and_a_named_profile_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(
            &path,
            "[p]\naws_access_key_id = FILE\naws_secret_access_key = s\n",
        )
        .unwrap();
        let path = path.to_str().unwrap();
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "e"),
            ("AWS_SHARED_CREDENTIALS_FILE", path),
        ];
        let variables = with(&pairs);
        assert_eq!(find(&variables, None, None).unwrap().access_key_id, "ENV");
        assert_eq!(
            find(&variables, Some("p"), None).unwrap().access_key_id,
            "FILE"
        );
        assert!(find(&variables, Some("missing"), None).is_err());
    }

    #[test]
    fn a_profile_that_assumes_a_role_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(
            &path,
            "[p]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = q\n",
        )
        .unwrap();
        let pairs = [("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap())];
        let error = find(&with(&pairs), Some("p"), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("role_arn") && error.contains("AWS_SESSION_TOKEN"),
            "{error}"
        );
    }

    #[test]
    fn the_endpoint_is_found_where_the_cli_finds_it() {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9/"),
        ];
        assert_eq!(
            find(&with(&pairs), None, None).unwrap().endpoint,
            "http://127.0.0.1:9"
        );
        assert_eq!(
            find(&with(&pairs), None, Some("http://localhost:1"))
                .unwrap()
                .endpoint,
            "http://localhost:1"
        );
        assert_eq!(
            find(&with(&pairs[..2]), None, None).unwrap().endpoint,
            DEFAULT_ENDPOINT
        );
        assert!(find(&with(&[]), None, None).is_err());
    }
}
