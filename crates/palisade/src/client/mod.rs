//! Signed calls of Palisade's own operations, for the subcommands that speak to a running server.

mod profile;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use palisade_sigv4::sign::{SignOptions, Signer};
use palisade_sigv4::{Header, RequestHead, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use profile::Settings;

const SIGNING_NAME: &str = "palisade";
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A server and the credentials to call it with.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
}

impl Client {
    /// A client of these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Endpoint, region and credentials.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Calls an operation with a JSON body (`None` for none) and reads its JSON answer. An error of the server is an `Err` with
    /// its code and message.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let bytes = match body {
            Some(value) => Bytes::from(serde_json::to_vec(value)?),
            None => Bytes::new(),
        };
        let response = self.send(method, path, bytes).await?;
        let answer = collect(response.into_body()).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).context("the server's answer is not JSON")
    }

    /// Calls an operation whose answer is a stream of bytes.
    pub async fn stream(&self, method: Method, path: &str) -> anyhow::Result<Incoming> {
        Ok(self.send(method, path, Bytes::new()).await?.into_body())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let uri: Uri = format!("{}{path}", self.settings.endpoint)
            .parse()
            .with_context(|| format!("the endpoint {} is not a URL", self.settings.endpoint))?;
        let request = self.signed(method, &uri, body)?;
        let stream = self.connect(&uri).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .context("the server did not answer")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let code = response
            .headers()
            .get("x-amzn-errortype")
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let answer = collect(response.into_body()).await.unwrap_or_default();
        let parsed: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let text = |name: &str| parsed.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = code
            .or_else(|| text("__type"))
            .unwrap_or_else(|| status.to_string());
        let message = text("message")
            .or_else(|| text("Message"))
            .unwrap_or_default();
        bail!("{code}: {message}")
    }

    fn signed(
        &self,
        method: Method,
        uri: &Uri,
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let host = uri
            .authority()
            .context("the endpoint has no host")?
            .as_str();
        let headers = [Header {
            name: "host",
            value: host.as_bytes(),
        }];
        let head = RequestHead {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query(),
            authority: None,
            headers: &headers,
        };
        let signer = Signer {
            access_key_id: &self.settings.access_key_id,
            secret: self.settings.secret.expose(),
            security_token: self.settings.session_token.as_deref(),
            region: &self.settings.region,
            service: SIGNING_NAME,
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?
            .as_secs();
        let now = Timestamp::from_unix_seconds(i64::try_from(now)?)
            .context("the clock is beyond the year 9999")?;
        let signed = signer.sign(&head, &body, now, &SignOptions::default());
        let target = uri.path_and_query().map_or("/", |p| p.as_str());
        let mut request = Request::builder()
            .method(&method)
            .uri(target)
            .header(HOST, host);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        Ok(request.body(Full::new(body))?)
    }

    async fn connect(&self, uri: &Uri) -> anyhow::Result<Box<dyn Stream>> {
        let host = uri
            .host()
            .context("the endpoint has no host")?
            .trim_matches(['[', ']']);
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.with_context(|| {
            format!(
                "cannot reach {}; is the server running?",
                self.settings.endpoint
            )
        })?;
        if !secure {
            return Ok(Box::new(stream));
        }
        let connector = tokio_rustls::TlsConnector::from(Arc::new(self.tls()?));
        let name = rustls::pki_types::ServerName::try_from(host.to_owned())?;
        Ok(Box::new(connector.connect(name, stream).await.context(
            "no TLS with the server (AWS_CA_BUNDLE names the certificates to trust)",
        )?))
    }

    fn tls(&self) -> anyhow::Result<rustls::ClientConfig> {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        let bundle = self
            .settings
            .ca_bundle
            .clone()
            .unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".into());
        let certificates =
            rustls::pki_types::CertificateDer::pem_file_iter(&bundle).with_context(|| {
                format!(
                    "cannot read {}; name a bundle with AWS_CA_BUNDLE",
                    bundle.display()
                )
            })?;
        for certificate in certificates {
            roots.add(certificate?)?;
        }
        Ok(rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn collect(body: Incoming) -> anyhow::Result<Bytes> {
    let limited = http_body_util::Limited::new(body, ANSWER_BYTES_MAX);
    let collected = limited
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
    Ok(collected.to_bytes())
}
