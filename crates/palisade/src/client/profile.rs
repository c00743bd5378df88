//! Endpoint, region and credentials, found where the AWS CLI finds them: the environment first, then the profile in the shared
//! files (AWS SDKs and Tools Reference Guide, "Shared config and credentials files").

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::source::Source;

/// Which server to call, and where the credentials to do so come from.
#[derive(Debug)]
pub struct Found {
    /// The server.
    pub server: Server,
    /// The credentials.
    pub source: Source,
}

/// A server and how it is called.
#[derive(Clone, Debug)]
pub struct Server {
    /// The endpoint URL, without a slash at its end.
    pub endpoint: String,
    /// The region to sign for.
    pub region: String,
    /// A file of certificates to trust, PEM.
    pub ca_bundle: Option<PathBuf>,
}

/// The profiles of the AWS files.
pub struct Profiles<'a> {
    /// The environment.
    pub variables: Variables<'a>,
    config: Option<String>,
    shared: Option<String>,
}

/// A profile, as both files together describe it.
#[derive(Debug, Default)]
pub struct Profile {
    config: Section,
    shared: Section,
}

type Section = BTreeMap<String, String>;
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";
const DEFAULT_REGION: &str = "us-east-1";

impl Found {
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
) -> anyhow::Result<Found> {
    let profiles = Profiles::read(variables)?;
    let named = profile
        .map(str::to_owned)
        .or_else(|| variables("AWS_PROFILE"));
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let of_name = profiles.get(&name)?;
    if named.is_some() && of_name.is_none() {
        bail!("the profile {name} is in neither of the AWS files");
    }
    let of_name = of_name.unwrap_or_default();
    let setting = |key: &str| of_name.setting(key).map(str::to_owned);
    // A profile named on the command line outweighs keys in the environment, as with the AWS CLI.
    let from_environment = match profile {
        Some(_) => None,
        None => Source::environment(variables)?,
    };
    let source = match from_environment {
        Some(source) => source,
        None => Source::of_profile(&profiles, &name)?,
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
    Ok(Found {
        server: Server {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region,
            ca_bundle: variables("AWS_CA_BUNDLE")
                .or_else(|| setting("ca_bundle"))
                .map(PathBuf::from),
        },
        source,
    })
}

impl<'a> Profiles<'a> {
    fn read(variables: Variables<'a>) -> anyhow::Result<Self> {
        Ok(Self {
            variables,
            config: read(file(variables, "AWS_CONFIG_FILE", "config"))?,
            shared: read(file(
                variables,
                "AWS_SHARED_CREDENTIALS_FILE",
                "credentials",
            ))?,
        })
    }

    /// The profile of that name; `None` where neither file has it.
    pub fn get(&self, name: &str) -> anyhow::Result<Option<Profile>> {
        let in_file = |text: &Option<String>, name: &str| section(text.as_deref()?, name);
        let config = in_file(&self.config, &config_section(name));
        let shared = in_file(&self.shared, name);
        Ok((config.is_some() || shared.is_some()).then(|| Profile {
            config: config.unwrap_or_default(),
            shared: shared.unwrap_or_default(),
        }))
    }
}

impl Profile {
    /// A setting; what the credentials file says outweighs the config file.
    pub fn setting(&self, key: &str) -> Option<&str> {
        let found = self.shared.get(key).or_else(|| self.config.get(key));
        found.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the credentials file has keys of it: they come before a process, which comes before those in the config file.
    pub fn has_shared_keys(&self) -> bool {
        self.shared.contains_key("aws_access_key_id")
    }
}

fn file(variables: Variables<'_>, variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = variables(variable) {
        return Some(PathBuf::from(path));
    }
    variables("HOME").map(|home| PathBuf::from(home).join(".aws").join(name))
}

/// The text of a file; `None` where there is none.
fn read(path: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn config_section(profile: &str) -> String {
    if profile == "default" {
        profile.to_owned()
    } else {
        format!("profile {profile}")
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

    fn keys(found: anyhow::Result<Found>) -> String {
        match found.unwrap().source {
            Source::Keys(credentials) => credentials.access_key_id,
            other => panic!("{other:?}"),
        }
    }

    /// What becomes of profile `p`, given both files.
    fn sourced(config: &str, shared: &str) -> Result<Source, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("config"), config).unwrap();
        std::fs::write(path("credentials"), shared).unwrap();
        let (config, shared) = (path("config"), path("credentials"));
        let pairs = [
            ("AWS_CONFIG_FILE", config.as_str()),
            ("AWS_SHARED_CREDENTIALS_FILE", shared.as_str()),
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "e"),
        ];
        let found = find(&with(&pairs), Some("p"), None);
        found
            .map(|found| found.source)
            .map_err(|error| format!("{error:#}"))
    }

    /// The source in short: `role/a < role/b < KEY`.
    fn short(source: &Source) -> String {
        match source {
            Source::Keys(credentials) => credentials.access_key_id.clone(),
            Source::Process(command) => format!("({command})"),
            Source::Role(role, from) => format!("{} < {}", role.arn(), short(from)),
        }
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
        assert_eq!(keys(find(&variables, None, None)), "ENV");
        assert_eq!(keys(find(&variables, Some("p"), None)), "FILE");
        assert!(find(&variables, Some("missing"), None).is_err());
        assert!(
            find(&with(&pairs[..1]), None, None).is_err(),
            "a key without its secret"
        );
    }

    const KEYS: &str = "aws_access_key_id = KEY\naws_secret_access_key = s\n";

    #[test]
    fn roles_are_followed_back_to_keys() {
        for (config, shared, expected) in [
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n",
                "[q]\n",
                "r < KEY",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nrole_arn = r2\nsource_profile = k\n",
                "[k]\n",
                "r < r2 < KEY",
            ),
            // Its own keys, and keys before a role in a source.
            (
                "[profile p]\nrole_arn = r\nsource_profile = p\n",
                "[p]\n",
                "r < KEY",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nrole_arn = r2\nsource_profile = p\n",
                "[q]\n",
                "r < KEY",
            ),
            (
                "[profile p]\nrole_arn = r\ncredential_source = Environment\n",
                "[x]\n",
                "r < ENV",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\ncredential_process = get it\n",
                "[x]\n",
                "r < (get it)",
            ),
            (
                "[profile p]\ncredential_process = get it\n",
                "[x]\n",
                "(get it)",
            ),
            ("[profile p]\ncredential_process = get it\n", "[p]\n", "KEY"),
        ] {
            let source = sourced(config, &format!("{shared}{KEYS}"));
            assert_eq!(short(&source.unwrap()), expected, "{config}");
        }
        let source = sourced(
            &format!("[profile p]\ncredential_process = get it\n{KEYS}"),
            "",
        );
        assert_eq!(
            short(&source.unwrap()),
            "(get it)",
            "a process comes before the config file's keys"
        );
    }

    #[test]
    fn what_is_not_followed_or_makes_no_sense_says_so() {
        let chain: String = (0..12)
            .map(|n| {
                format!(
                    "[profile q{n}]\nrole_arn = r\nsource_profile = q{}\n",
                    n + 1
                )
            })
            .collect();
        for (config, expected) in [
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n",
                "source_profile q, which is in neither",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = p\n",
                "leads back to p",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nrole_arn = r\nsource_profile = p\n",
                "leads back to p",
            ),
            (
                "[profile p]\nrole_arn = r\n",
                "neither source_profile nor credential_source",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\ncredential_source = Environment\n",
                "both",
            ),
            (
                "[profile p]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n",
                "Environment only",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\nmfa_serial = m\n[profile q]\n",
                "by mfa_serial",
            ),
            (
                "[profile p]\nrole_arn = r\nweb_identity_token_file = f\n",
                "by web_identity_token_file",
            ),
            (
                "[profile p]\nrole_arn = r\nsource_profile = q\n[profile q]\nsso_session = s\n",
                "profile q gets its credentials by sso_session",
            ),
            ("[profile p]\nsso_start_url = s\n", "by sso_start_url"),
            ("[profile p]\nlogin_session = s\n", "AWS_SESSION_TOKEN"),
            (
                "[profile p]\nrole_arn = r\ncredential_source = Environment\nduration_seconds = 1h\n",
                "duration_seconds = 1h",
            ),
            (
                &format!("{chain}[profile p]\nrole_arn = r\nsource_profile = q0\n"),
                "more than 10 profiles",
            ),
            ("[profile p]\nregion = eu-west-1\n", "no credentials"),
        ] {
            let error = sourced(config, "").unwrap_err();
            assert!(error.contains(expected), "{config}: {error}");
        }
    }

    #[test]
    fn the_endpoint_is_found_where_the_cli_finds_it() {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9/"),
        ];
        let endpoint = |pairs: &[(&str, &str)], given| {
            let found = find(&with(pairs), None, given).unwrap();
            found.server.endpoint
        };
        assert_eq!(endpoint(&pairs, None), "http://127.0.0.1:9");
        assert_eq!(
            endpoint(&pairs, Some("http://localhost:1")),
            "http://localhost:1"
        );
        assert_eq!(endpoint(&pairs[..2], None), DEFAULT_ENDPOINT);
        assert!(find(&with(&[]), None, None).is_err());
    }
}
