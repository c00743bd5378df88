//! The certificates of a listener: read at start, and again when their files change.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use palisade_edge::tls;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Where certificates and keys are.
#[derive(Args, Clone, Debug)]
pub struct Certificates {
    /// Serve TLS with this certificate chain in PEM; repeatable, each with its --tls-key: the first that is for the name a client asks for
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Vec<PathBuf>,

    /// The private key of a certificate, in PEM (repeatable, in the same order)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Vec<PathBuf>,
}

impl Certificates {
    /// The files whose change is a change of certificates.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.tls_cert.iter().chain(&self.tls_key)
    }

    /// Reads them; nothing where none is named.
    pub fn load(&self) -> anyhow::Result<Option<ServerConfig>> {
        anyhow::ensure!(
            self.tls_cert.len() == self.tls_key.len(),
            "each --tls-cert has a --tls-key"
        );
        if self.tls_cert.is_empty() {
            return Ok(None);
        }
        let pairs = self.tls_cert.iter().zip(&self.tls_key);
        let keys: Vec<_> = pairs
            .map(|(cert, key)| certified(cert, key))
            .collect::<anyhow::Result<_>>()?;
        Ok(Some(tls::config(keys)))
    }
}

fn certified(certificate: &PathBuf, key: &PathBuf) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.with_context(|| {
        format!(
            "cannot read the certificate chain {}",
            certificate.display()
        )
    })?;
    anyhow::ensure!(
        !chain.is_empty(),
        "{} holds no certificate",
        certificate.display()
    );
    let private = PrivateKeyDer::from_pem_file(key);
    let private =
        private.with_context(|| format!("cannot read the private key {}", key.display()))?;
    let certified = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider());
    let certified = certified
        .with_context(|| format!("{} and {} do not fit", certificate.display(), key.display()))?;
    Ok(Arc::new(certified))
}
