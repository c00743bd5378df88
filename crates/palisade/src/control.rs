//! `DIR/control.sock`: what an operator on this machine says about the seal, while nobody can sign yet.
//!
//! Who may open the socket (mode 0600, in a folder of mode 0700) may already read the data folder; what opens the root key is the
//! proof for the rest. A connection carries one question and one answer, each a line of JSON. Whatever is asked for is done one at a time,
//! and a try that fails costs a second, so passphrases cannot be tried fast; it is logged.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use palisade_gateway::Door;
use palisade_keyring::{Passphrase, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use zeroize::Zeroize;

use crate::seal::{self, Provider, SealUri};
use crate::site::{SealStatus, Site, Unsealing};

/// The longest question, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// How long a question may take to arrive, and an answer to be taken.
const LINE_TIME_MAX: Duration = Duration::from_secs(10);
/// How many may ask at once; others wait.
const CONNECTIONS_MAX: usize = 16;
/// What a failed try costs.
const FAILED_TIME: Duration = Duration::from_secs(1);

/// Where the socket of a data folder is.
pub fn socket_of(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// How things are.
    Status,
    /// Open the seal: with a passphrase or a key file, or, without either, with the server's own seals tried again.
    Unseal {
        /// The passphrase.
        passphrase: Option<Text>,
        /// The key file, by a path of the server's.
        #[serde(default)]
        file: Option<PathBuf>,
    },
    /// Make a new root key.
    Rotate,
    /// Make a new root key under another seal.
    Migrate {
        /// The new seal's URI; of a key file or passphrase file, the server's own path.
        to: String,
        /// The passphrase, where the server cannot read it itself.
        passphrase: Option<Text>,
    },
}

impl Ask {
    fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Unseal { .. } => "unseal",
            Self::Rotate => "rotate",
            Self::Migrate { .. } => "migrate",
        }
    }
}

/// A secret text on its way, overwritten when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl Drop for Text {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It is done; how things are now.
    Done(SealStatus),
    /// It is not.
    Failed(String),
}

/// The server's end.
pub struct Control {
    site: Arc<Site>,
    door: Arc<Door>,
    /// Whether the door has a front with a state behind it. The seal may be open without: a start may have failed.
    started: AtomicBool,
    /// Held while something is done, and a second longer where it failed.
    doing: Mutex<()>,
}

impl Control {
    /// Listens beside the state; `None` where nothing is kept.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(site: Arc<Site>, door: Arc<Door>) -> anyhow::Result<Option<JoinHandle<()>>> {
        let Some(folder) = site.folder() else {
            return Ok(None);
        };
        let path = socket_of(folder.path());
        // Of a server that was killed: the folder's lock is held, so nobody listens there.
        let _ = std::fs::remove_file(&path);
        let listening = || -> std::io::Result<UnixListener> {
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let listener = match listening() {
            Ok(listener) => listener,
            // A path may be too long for a socket; what needs none goes on.
            Err(error) if site.seal_status().open => {
                tracing::warn!(%error, "no control socket at {}: palisade seal will not reach this server", path.display());
                return Ok(None);
            }
            Err(error) => {
                return Err(anyhow!(error).context(format!("cannot listen at {}", path.display())));
            }
        };
        let started = AtomicBool::new(site.seal_status().open);
        let control = Self {
            site,
            door,
            started,
            doing: Mutex::default(),
        };
        Ok(Some(tokio::spawn(Arc::new(control).serve(listener))))
    }

    async fn serve(self: Arc<Self>, listener: UnixListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    let control = Arc::clone(&self);
                    tokio::spawn(async move {
                        if let Err(error) = control.answer(stream).await {
                            tracing::warn!("a question at the control socket: {error:#}");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket");
                    tokio::time::sleep(FAILED_TIME).await;
                }
            }
        }
    }

    async fn answer(&self, stream: UnixStream) -> anyhow::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut line = zeroize::Zeroizing::new(Vec::with_capacity(4096));
        let mut reader = BufReader::new(read.take(LINE_BYTES_MAX));
        let reading = reader.read_until(b'\n', &mut line);
        tokio::time::timeout(LINE_TIME_MAX, reading)
            .await
            .context("it came too slowly")??;
        let ask = serde_json::from_slice::<Ask>(&line);
        let told = match ask.ok().filter(|_| line.ends_with(b"\n")) {
            Some(Ask::Status) => self.status().await?,
            ask => self.do_alone(ask).await?,
        };
        let mut text = serde_json::to_vec(&told)?;
        text.push(b'\n');
        tokio::time::timeout(LINE_TIME_MAX, write.write_all(&text))
            .await
            .context("the answer was taken too slowly")??;
        Ok(())
    }

    async fn status(&self) -> anyhow::Result<Told> {
        // It waits for a rotation under way.
        Ok(Told::Done(
            self.blocking(|site| Ok(site.seal_status())).await?,
        ))
    }

    /// Does what is asked, when nothing else is done.
    async fn do_alone(&self, ask: Option<Ask>) -> anyhow::Result<Told> {
        let _alone = self.doing.lock().await;
        let (name, done) = match ask {
            Some(ask) => (ask.name(), self.tell(ask).await),
            None => ("?", Err(anyhow!("not a question that is known here"))),
        };
        let Err(error) = done else {
            return self.status().await;
        };
        tracing::warn!(what = name, "refused at the control socket: {error:#}");
        tokio::time::sleep(FAILED_TIME).await;
        Ok(Told::Failed(format!("{error:#}")))
    }

    async fn tell(&self, ask: Ask) -> anyhow::Result<()> {
        match ask {
            Ask::Status => Ok(()),
            Ask::Unseal { passphrase, file } => self.unseal(passphrase, file).await,
            Ask::Rotate => {
                self.blocking(|site| site.rotate_root()).await?;
                tracing::info!("the root key is a new one");
                Ok(())
            }
            Ask::Migrate { to, passphrase } => {
                let to: SealUri = to.parse()?;
                let seal = match passphrase {
                    Some(text) => given(&text)?,
                    None => to.provider(),
                };
                self.blocking(|site| site.migrate(seal)).await?;
                tracing::info!("the root key is a new one, sealed by {to}");
                Ok(())
            }
        }
    }

    async fn unseal(&self, passphrase: Option<Text>, file: Option<PathBuf>) -> anyhow::Result<()> {
        // One thing is done at a time, so nobody else starts meanwhile.
        if self.started.load(Ordering::Relaxed) {
            return Ok(());
        }
        let seal = match (&passphrase, file) {
            (Some(text), _) => Some(given(text)?),
            (None, Some(path)) => Some(SealUri::File(path).provider()),
            (None, None) => None,
        };
        match self.blocking(|site| site.unseal(seal)).await? {
            Unsealing::Open => {}
            Unsealing::Sealed(reasons) => bail!("{}", reasons.join("; ")),
        }
        let (front, _) = self.site.start(true).await?;
        self.door.replace(front).await;
        self.started.store(true, Ordering::Relaxed);
        if let Some(keeping) = self.site.keep_keys_young() {
            // It ends with the process.
            drop(keeping);
        }
        tracing::info!("the seal was opened");
        Ok(())
    }

    /// Argon2id and syncs take their time, away from the requests.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Site) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let site = Arc::clone(&self.site);
        tokio::task::spawn_blocking(move || work(&site)).await?
    }
}

fn given(text: &Text) -> anyhow::Result<Box<dyn Provider>> {
    let secret = Secret::from(text.0.as_bytes().to_vec());
    let passphrase = Passphrase::new(secret).context("the passphrase is empty")?;
    Ok(seal::given(passphrase))
}

/// Asks the server of a data folder.
///
/// # Errors
/// When no server listens there, or it did not do what was asked.
pub fn ask(data: &Path, ask: &Ask) -> anyhow::Result<SealStatus> {
    use std::io::{BufRead as _, Read as _, Write as _};
    let path = socket_of(data);
    let mut stream = std::os::unix::net::UnixStream::connect(&path)
        .with_context(|| format!("no server listens at {}", path.display()))?;
    let mut text = zeroize::Zeroizing::new(serde_json::to_vec(ask)?);
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = String::new();
    std::io::BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    match serde_json::from_str(&line).context("the server broke off")? {
        Told::Done(status) => Ok(status),
        Told::Failed(why) => bail!("{why}"),
    }
}
