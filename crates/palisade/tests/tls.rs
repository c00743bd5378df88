//! TLS with the real binary: served, over HTTP/1.1 and HTTP/2, and with a renewed certificate after SIGHUP.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server that ends with its test.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let process = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .env_clear() // PALISADE_SHARED names test data for this run; a server does not know the variable
            .args([
                "up",
                "--dev",
                "--ephemeral",
                "--listen",
                &address.to_string(),
            ])
            .arg("--tls-cert")
            .arg(folder.join("cert.pem"))
            .arg("--tls-key")
            .arg(folder.join("key.pem"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut server = Self { process, address };
        while TcpStream::connect(address).await.is_err() {
            server.pause().await;
        }
        server
    }

    /// Waits a moment, for a server that is still there.
    async fn pause(&mut self) {
        let ended = self.process.try_wait().expect("a child");
        assert_eq!(ended, None, "the server ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    fn hang_up(&self) {
        let sent = Command::new("kill")
            .args(["-HUP", &self.process.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// A connection that trusts this certificate alone and offers these protocols.
    async fn connect(
        &self,
        trusted: &CertificateDer<'static>,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// Waits until new connections get this certificate.
    async fn until_serving(&mut self, trusted: &CertificateDer<'static>) {
        while self.connect(trusted, &[]).await.is_err() {
            self.pause().await;
        }
    }
}

/// Writes a new certificate and its key.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    made.cert.der().clone()
}

fn health() -> hyper::Request<Empty<bytes::Bytes>> {
    hyper::Request::get("https://localhost/_palisade/health")
        .header("host", "localhost")
        .body(Empty::new())
        .expect("a request")
}

#[tokio::test]
async fn it_serves_tls_and_takes_a_renewed_certificate_on_sighup() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = renew(folder.path());
    let mut server = Server::start(folder.path()).await;
    let stream = server.connect(&first, &["http/1.1"]).await.expect("TLS");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/1.1");
    tokio::spawn(connection);
    let answer = sender.send_request(health()).await.expect("an answer");
    assert_eq!(answer.status(), 200);

    let stream = server
        .connect(&first, &["h2", "http/1.1"])
        .await
        .expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut second, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    assert_eq!(
        second
            .send_request(health())
            .await
            .expect("an answer")
            .status(),
        200
    );

    let renewed = renew(folder.path());
    assert!(
        server.connect(&renewed, &[]).await.is_err(),
        "not before it is told to"
    );
    server.hang_up();
    server.until_serving(&renewed).await;
    assert!(
        server.connect(&first, &[]).await.is_err(),
        "the old one is gone"
    );
    // What was connected before goes on.
    assert_eq!(
        sender
            .send_request(health())
            .await
            .expect("an answer")
            .status(),
        200
    );

    // A broken file is not taken; the next good one is.
    std::fs::write(folder.path().join("cert.pem"), "no certificate").expect("written");
    server.hang_up();
    for _ in 0..5 {
        server
            .connect(&renewed, &[])
            .await
            .expect("the one before stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = renew(folder.path());
    server.hang_up();
    server.until_serving(&again).await;
}
