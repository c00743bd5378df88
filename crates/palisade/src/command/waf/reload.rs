//! Files that change while a listener serves: another ACL, other certificates.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use palisade_edge::edge::Edge;
use palisade_edge::tls::Tls;
use tokio::signal::unix::Signal;

use super::serve::Serve;

/// How often files are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What files look like from outside: inode, size and time of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps(Vec<Option<(u64, u64, i64, i64)>>);

impl Stamps {
    /// Looks at these files. Do it before they are read: what changes meanwhile is seen the next time.
    pub fn of<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Stamps {
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((
                metadata.ino(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            ))
        };
        Stamps(paths.map(stamp).collect())
    }
}

/// What is read again, and where it goes.
pub struct Reloading {
    /// The options.
    pub serve: Serve,
    /// Gets the ACL.
    pub edge: Arc<Edge>,
    /// Gets the certificates, where there are any.
    pub tls: Option<Tls>,
    /// What the files looked like.
    pub stamps: Stamps,
}

impl Reloading {
    /// Puts in force what changed files say, whole or not at all; at SIGHUP also without a change, and the log is opened anew.
    pub async fn run(mut self, mut hang_up: Signal) {
        loop {
            let told = tokio::select! {
                _ = hang_up.recv() => true,
                () = tokio::time::sleep(LOOK_AGAIN) => false,
            };
            if told {
                self.edge.logs().reopen();
            }
            let files = self
                .serve
                .policy
                .paths()
                .chain(self.serve.certificates.paths());
            let now = Stamps::of(files);
            if now == self.stamps && !told {
                continue;
            }
            self.stamps = now;
            // Compiling takes as long as it takes: requests go on meanwhile.
            let read = tokio::task::spawn_blocking(move || {
                self.certificates();
                self.policy();
                self
            });
            match read.await {
                Ok(this) => self = this,
                Err(error) => {
                    tracing::error!(%error, "files are not read again any more: restart the listener");
                    return;
                }
            }
        }
    }

    fn policy(&self) {
        match self.serve.compile(self.serve.listen.ip().is_loopback()) {
            Ok(compiled) if compiled.policy.version == self.edge.policy().version => {}
            Ok(compiled) => {
                for warning in &compiled.warnings {
                    tracing::warn!("{warning}");
                }
                let policy = compiled.policy;
                tracing::info!(
                    acl = &*policy.id,
                    version = policy.version,
                    "the web ACL was read again"
                );
                self.edge.replace(policy);
            }
            Err(error) => {
                tracing::error!("the web ACL was not read again, the old one stays: {error:#}")
            }
        }
    }

    fn certificates(&self) {
        let Some(tls) = &self.tls else { return };
        match self.serve.certificates.load() {
            Ok(Some(config)) => tls.store(Arc::new(config)),
            Ok(None) => {}
            Err(error) => tracing::error!(
                "the certificates were not read again, the old ones stay: {error:#}"
            ),
        }
    }
}
