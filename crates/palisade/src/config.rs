//! How `palisade up` is told what to do: flags, environment variables (`PALISADE_…`) and one TOML file, in this order of weight.
//! Whatever is not known is an error; nothing is ignored.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use palisade_core::{AccountId, Region, Secret};
use serde::Deserialize;

use crate::seal::SealUri;

/// The options of `palisade up`. Each is also a variable `PALISADE_NAME` and a key `name` of the TOML file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Options {
    /// Address and port to serve on [default: 127.0.0.1:4566]
    #[arg(long, env = "PALISADE_LISTEN", value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Folder of the state [default: the platform's data folder]
    #[arg(long, env = "PALISADE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Short for --root-credentials test:test:000000000000; loopback only, and the data folder is marked
    #[arg(long, env = "PALISADE_DEV", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", value_parser = BoolishValueParser::new())]
    dev: Option<bool>,

    /// Root credentials of an account, known beforehand; kept by this process only, never stored. Repeatable
    #[arg(
        long,
        env = "PALISADE_ROOT_CREDENTIALS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "ACCESS_KEY:SECRET[:ACCOUNT_ID]"
    )]
    #[serde(deserialize_with = "secret_texts")]
    root_credentials: Vec<String>,

    /// Keep nothing: state lives in memory and ends with the process
    #[arg(long, env = "PALISADE_EPHEMERAL", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", value_parser = BoolishValueParser::new())]
    ephemeral: Option<bool>,

    /// Name of a region of your own, served besides those of AWS. Repeatable
    #[arg(
        long,
        env = "PALISADE_REGION",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    region: Vec<String>,

    /// When a read is on disk: within 100 ms, or (strict) before its answer leaves [default: standard]
    #[arg(long, env = "PALISADE_AUDIT", value_name = "MODE")]
    audit: Option<Audit>,

    /// Add the encoded authorization message to denials, for `aws sts decode-authorization-message`
    #[arg(long, env = "PALISADE_EXPLAIN_DENIALS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", value_parser = BoolishValueParser::new())]
    explain_denials: Option<bool>,

    /// Serve plain HTTP beyond loopback
    #[arg(long, env = "PALISADE_ALLOW_PLAINTEXT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", value_parser = BoolishValueParser::new())]
    allow_plaintext: Option<bool>,

    /// Certificate chain to serve TLS with, PEM; read again on SIGHUP
    #[arg(long, env = "PALISADE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(long, env = "PALISADE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Serve Prometheus metrics here, unsigned (signed ones are at /_palisade/metrics)
    #[arg(long, env = "PALISADE_METRICS_LISTEN", value_name = "ADDR", value_parser = address)]
    metrics_listen: Option<SocketAddr>,

    /// Days the journal and old versions are kept; 0 keeps them for ever [default: 0]
    #[arg(long, env = "PALISADE_RETENTION_DAYS", value_name = "DAYS")]
    retention_days: Option<u32>,

    /// What seals the root key, and opens it at the start: file:PATH, passphrase:file=PATH, passphrase:fd=N or passphrase:tty.
    /// Repeatable; any one opens [default: file:DIR/seal/root.key]
    #[arg(long, env = "PALISADE_SEAL", value_delimiter = ',', value_name = "URI")]
    seal: Vec<String>,

    /// File that the first start writes the root credentials to [default: DIR/credentials, if the seal is in DIR too]
    #[arg(long, env = "PALISADE_CREDENTIALS_OUT", value_name = "FILE")]
    credentials_out: Option<PathBuf>,

    /// TOML file with any of these options
    #[arg(long, env = "PALISADE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// When reads are on disk. Whatever changed something, was refused or gave credentials always is before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audit {
    /// Within 100 ms.
    Standard,
    /// Before the answer leaves.
    Strict,
}

/// What `palisade up` does, once all options are weighed.
#[derive(Debug)]
pub struct Config {
    /// Where it serves.
    pub listen: SocketAddr,
    /// Where state lives.
    pub state: StateLocation,
    /// Development mode: known credentials, loopback only, `/_palisade/reset`.
    pub dev: bool,
    /// Root credentials that live in this process only.
    pub root_credentials: Vec<RootCredentials>,
    /// Regions of the site's own, served besides those of AWS.
    pub regions: Vec<Region>,
    /// When reads are on disk.
    pub audit: Audit,
    /// Denials carry the encoded authorization message.
    pub explain_denials: bool,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// An unsigned listener for metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// What seals the root key; empty for the key file in the folder.
    pub seals: Vec<SealUri>,
    /// Where the first start writes the root credentials.
    pub credentials_out: Option<PathBuf>,
    /// How long history is kept; `None` for ever.
    pub retention_days: Option<u32>,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// In memory.
    Memory,
    /// In a folder.
    Folder(PathBuf),
}

impl std::fmt::Display for StateLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

/// The files TLS is served from.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Root credentials given on the command line.
#[derive(Debug, Clone)]
pub struct RootCredentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret.
    pub secret: Secret,
    /// The account.
    pub account: AccountId,
}

const ENVIRONMENT_PREFIX: &str = "PALISADE_";
const KNOWN_VARIABLES: &[&str] = &[
    "LISTEN",
    "DATA",
    "DEV",
    "ROOT_CREDENTIALS",
    "EPHEMERAL",
    "REGION",
    "AUDIT",
    "EXPLAIN_DENIALS",
    "ALLOW_PLAINTEXT",
    "TLS_CERT",
    "TLS_KEY",
    "METRICS_LISTEN",
    "RETENTION_DAYS",
    "SEAL",
    "CREDENTIALS_OUT",
    "CONFIG",
    "LOG",
];

/// The account of root credentials that name none.
const DEFAULT_ACCOUNT: &str = "000000000000";

impl Options {
    /// Weighs flags and environment (already in `self`) against the TOML file and the defaults.
    pub fn resolve(self) -> anyhow::Result<Config> {
        refuse_unknown_variables(std::env::vars().map(|(name, _)| name))?;
        let file = match &self.config {
            Some(path) => read_file(path)?,
            None => Self::default(),
        };
        self.or(file).into_config()
    }

    fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            data: self.data.or(file.data),
            dev: self.dev.or(file.dev),
            root_credentials: if self.root_credentials.is_empty() {
                file.root_credentials
            } else {
                self.root_credentials
            },
            ephemeral: self.ephemeral.or(file.ephemeral),
            region: if self.region.is_empty() {
                file.region
            } else {
                self.region
            },
            audit: self.audit.or(file.audit),
            explain_denials: self.explain_denials.or(file.explain_denials),
            allow_plaintext: self.allow_plaintext.or(file.allow_plaintext),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            metrics_listen: self.metrics_listen.or(file.metrics_listen),
            retention_days: self.retention_days.or(file.retention_days),
            seal: if self.seal.is_empty() {
                file.seal
            } else {
                self.seal
            },
            credentials_out: self.credentials_out.or(file.credentials_out),
            config: None,
        }
    }

    fn into_config(self) -> anyhow::Result<Config> {
        let listen = self
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 4566)));
        let dev = self.dev.unwrap_or(false);
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => bail!("--tls-cert and --tls-key go together"),
        };
        ensure!(
            !dev || listen.ip().is_loopback(),
            "--dev serves on loopback only, not on {listen}"
        );
        let plain_is_safe =
            listen.ip().is_loopback() || tls.is_some() || self.allow_plaintext.unwrap_or(false);
        ensure!(
            plain_is_safe,
            "plain HTTP on {listen} would show requests to the network: give --tls-cert and --tls-key, or --allow-plaintext"
        );
        ensure!(
            !(self.ephemeral.unwrap_or(false) && self.data.is_some()),
            "--ephemeral keeps nothing, so --data has no use beside it"
        );
        let kept_nowhere = self.ephemeral.unwrap_or(false)
            && !(self.seal.is_empty() && self.credentials_out.is_none());
        ensure!(
            !kept_nowhere,
            "--ephemeral keeps nothing, so --seal and --credentials-out have no use beside it"
        );
        let seals: Result<Vec<SealUri>, _> = self.seal.iter().map(|text| text.parse()).collect();
        let mut root_credentials = Vec::new();
        if dev {
            root_credentials.push(parse_root_credentials("test:test:000000000000")?);
        }
        for text in &self.root_credentials {
            root_credentials.push(parse_root_credentials(text)?);
        }
        let state = if self.ephemeral.unwrap_or(false) {
            StateLocation::Memory
        } else {
            StateLocation::Folder(self.data.map_or_else(|| default_folder(dev), Ok)?)
        };
        Ok(Config {
            listen,
            state,
            dev,
            root_credentials,
            regions: regions(&self.region)?,
            audit: self.audit.unwrap_or(Audit::Standard),
            explain_denials: self.explain_denials.unwrap_or(false),
            tls,
            metrics_listen: self.metrics_listen,
            retention_days: self.retention_days.filter(|days| *days > 0),
            seals: seals?,
            credentials_out: self.credentials_out,
        })
    }
}

/// Names of regions: they stand in ARNs and signatures.
fn regions(names: &[String]) -> anyhow::Result<Vec<Region>> {
    let region = |name: &String| {
        Region::new(name).with_context(|| {
            format!(
                "{name:?} is no name for a region: up to 32 lower-case letters, digits and hyphens"
            )
        })
    };
    names.iter().map(region).collect()
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an address is an IP address and a port: 127.0.0.1:4566, [::1]:4566")
}

fn read_file(path: &Path) -> anyhow::Result<Options> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    // The error's own text would quote the line, and a line may hold a secret.
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message())
    })
}

/// A list of texts; what is none is not quoted in the error.
fn secret_texts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(from).map_err(|_| {
        serde::de::Error::custom("root-credentials is a list of ACCESS_KEY:SECRET[:ACCOUNT_ID]")
    })
}

fn refuse_unknown_variables(names: impl Iterator<Item = String>) -> anyhow::Result<()> {
    for name in names {
        if let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            ensure!(
                KNOWN_VARIABLES.contains(&rest),
                "the environment variable {name} is not one of Palisade's"
            );
        }
    }
    Ok(())
}

/// `ACCESS_KEY:SECRET[:ACCOUNT_ID]`. The message never repeats what was given: it holds a secret.
fn parse_root_credentials(text: &str) -> anyhow::Result<RootCredentials> {
    let mut parts = text.split(':');
    let (Some(access_key_id), Some(secret), account, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("root credentials have the form ACCESS_KEY:SECRET[:ACCOUNT_ID]");
    };
    let valid_id = (1..=128).contains(&access_key_id.len())
        && access_key_id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_');
    ensure!(
        valid_id,
        "an access key id has up to 128 letters, digits and underscores"
    );
    ensure!(!secret.is_empty(), "root credentials need a secret");
    let account = AccountId::new(account.unwrap_or(DEFAULT_ACCOUNT)).context("root credentials")?;
    Ok(RootCredentials {
        access_key_id: access_key_id.to_owned(),
        secret: Secret::new(secret.to_owned()),
        account,
    })
}

/// The data folder of whoever names none.
pub fn default_folder(dev: bool) -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_DATA_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => {
            let home = std::env::var_os("HOME")
                .context("no HOME to keep state in: give --data DIR or --ephemeral")?;
            PathBuf::from(home).join(".local/share")
        }
    };
    // A folder served with --dev is marked and refused without it, so the two modes have one each.
    Ok(base.join(if dev { "palisade-dev" } else { "palisade" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml_text: &str) -> anyhow::Result<Config> {
        toml::from_str::<Options>(toml_text)?.into_config()
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(config("lisen = \"127.0.0.1:1\"").is_err());
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        let names = |name: &str| std::iter::once(name.to_owned());
        assert!(refuse_unknown_variables(names("PALISADE_AUTH")).is_err());
        assert!(refuse_unknown_variables(names("PALISADE_LISTEN")).is_ok());
        assert!(refuse_unknown_variables(names("HOME")).is_ok());
    }

    #[test]
    fn dev_is_loopback_only() {
        assert!(config("dev = true\nlisten = \"0.0.0.0:4566\"\nallow-plaintext = true").is_err());
        let dev = config("dev = true\nephemeral = true").unwrap();
        assert_eq!(dev.root_credentials[0].access_key_id, "test");
    }

    #[test]
    fn a_region_of_ones_own_has_a_regions_name() {
        let named = config("ephemeral = true\nregion = [\"dc-north-1\", \"dc-south-1\"]").unwrap();
        assert_eq!(named.regions[1].as_str(), "dc-south-1");
        for name in ["", "DC-1", "a b", "dc_1", &"a".repeat(33)] {
            let error = config(&format!("ephemeral = true\nregion = [\"{name}\"]")).unwrap_err();
            assert!(
                error.to_string().contains("no name for a region"),
                "{error}"
            );
        }
    }

    #[test]
    fn plain_http_beyond_loopback_is_refused() {
        assert!(config("listen = \"0.0.0.0:4566\"\nephemeral = true").is_err());
        assert!(
            config("listen = \"0.0.0.0:4566\"\nephemeral = true\nallow-plaintext = true").is_ok()
        );
    }

    #[test]
    fn a_flag_outweighs_the_file() {
        let flags = Options {
            audit: Some(Audit::Strict),
            ..Options::default()
        };
        let file: Options = toml::from_str("audit = \"standard\"\nephemeral = true").unwrap();
        assert_eq!(flags.or(file).into_config().unwrap().audit, Audit::Strict);
    }

    #[test]
    fn bad_root_credentials_do_not_show_in_the_message() {
        let error = parse_root_credentials("AKIA:hunter2:12").unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"));
        assert!(parse_root_credentials("a:b:c:d").is_err());
        for text in ["\"AKIA:hunter2\"", "[[\"AKIA:hunter2\"]]"] {
            let error = toml::from_str::<Options>(&format!("root-credentials = {text}"));
            assert!(!error.unwrap_err().message().contains("hunter2"), "{text}");
        }
        assert!(parse_root_credentials("a:b").unwrap().account.as_str() == DEFAULT_ACCOUNT);
    }
}
