//! The server's certificate: read at start, and again on SIGHUP.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use palisade_gateway::server::Tls;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// Reads certificate and key.
pub fn load(files: &TlsFiles) -> anyhow::Result<ServerConfig> {
    let certificate = files.certificate.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate chain {certificate}"))?;
    anyhow::ensure!(!chain.is_empty(), "{certificate} holds no certificate");
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("cannot read the private key {}", files.key.display()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not fit")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// A configuration that [`reload`] can exchange.
pub fn start(files: &TlsFiles) -> anyhow::Result<Tls> {
    Ok(Arc::new(ArcSwap::from_pointee(load(files)?)))
}

/// Takes a renewed certificate; with a broken one the old stays.
pub fn reload(files: &TlsFiles, tls: &Tls) {
    match load(files) {
        Ok(config) => {
            tls.store(Arc::new(config));
            tracing::info!("the certificate was read again");
        }
        Err(error) => tracing::error!("the certificate was not read again: {error:#}"),
    }
}
