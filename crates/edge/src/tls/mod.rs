//! TLS: certificates by the name a client asks for, and what its first message says of it.

mod hello;
mod rewound;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

pub use hello::Fingerprints;
pub use rewound::Rewound;

/// A configuration that can be exchanged while serving.
pub type Tls = Arc<ArcSwap<ServerConfig>>;

/// A connection after its handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<Rewound<TcpStream>>;

/// Bytes of a client's first message, at most.
const HELLO_BYTES_MAX: usize = 64 * 1024;

/// A configuration with these certificates: the first that is for the name a client asks for, else the first. HTTP/2 is preferred.
pub fn config(certificates: Vec<Arc<CertifiedKey>>) -> ServerConfig {
    let resolver = Arc::new(ByName(certificates));
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| self.0.iter().find(|key| is_for(key, &name)));
        named.or(self.0.first()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key
        .end_entity_cert()
        .ok()
        .and_then(|cert| ParsedCertificate::try_from(cert).ok());
    parsed.is_some_and(|cert| verify_server_name(&cert, name).is_ok())
}

/// Does the handshake, and says what the client's first message says of the client.
///
/// # Errors
/// Where it fails.
pub async fn accept(mut stream: TcpStream, tls: &Tls) -> io::Result<(TlsStream, Fingerprints)> {
    let mut start = Vec::with_capacity(2048);
    let fingerprints = loop {
        if stream.read_buf(&mut start).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match hello::read(&start) {
            Ok(Some(fingerprints)) => break fingerprints,
            Ok(None) if start.len() < HELLO_BYTES_MAX => {}
            // What it is, rustls tells the client.
            _ => break Fingerprints::default(),
        }
    };
    let acceptor = tokio_rustls::TlsAcceptor::from(tls.load_full());
    let stream = acceptor.accept(Rewound::new(start, stream)).await?;
    Ok((stream, fingerprints))
}

/// Whether both sides have agreed on HTTP/2.
pub fn is_http2(stream: &TlsStream) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}
