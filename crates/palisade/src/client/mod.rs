//! Signed calls of Palisade's own operations, for the subcommands that speak to a running server.

mod process;
mod profile;
mod role;
mod source;

use std::pin::Pin;
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

pub use profile::{Found, Server};
pub use source::{Credentials, Source};

const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A server and the credentials to call it with.
#[derive(Debug)]
pub struct Client {
    server: Server,
    credentials: Credentials,
}

/// A request before it is signed.
struct Message<'a> {
    method: Method,
    path: &'a str,
    /// The service it is signed for.
    service: &'static str,
    content_type: &'static str,
    body: Bytes,
}

impl Client {
    /// A client of what was found. Roles are assumed at the same server, programs that print credentials are run.
    ///
    /// # Errors
    /// When there are no credentials to be had.
    pub async fn of(found: Found) -> anyhow::Result<Self> {
        let credentials = resolve(&found.server, &found.source).await?;
        Ok(Self {
            server: found.server,
            credentials,
        })
    }

    /// Endpoint and region.
    pub fn server(&self) -> &Server {
        &self.server
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
        let response = self.send(own(method, path, bytes)).await?;
        let answer = collect(response.into_body()).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).context("the server's answer is not JSON")
    }

    /// Calls an operation whose answer is a stream of bytes.
    pub async fn stream(&self, method: Method, path: &str) -> anyhow::Result<Incoming> {
        let message = own(method, path, Bytes::new());
        Ok(self.send(message).await?.into_body())
    }

    /// The text of an answer.
    async fn text_of(&self, message: Message<'_>) -> anyhow::Result<String> {
        let answer = collect(self.send(message).await?.into_body()).await?;
        String::from_utf8(answer.into()).context("the server's answer is not text")
    }

    async fn send(&self, message: Message<'_>) -> anyhow::Result<Response<Incoming>> {
        let endpoint = &self.server.endpoint;
        let uri: Uri = format!("{endpoint}{}", message.path)
            .parse()
            .with_context(|| format!("the endpoint {endpoint} is not a URL"))?;
        let request = self.signed(message, &uri)?;
        let stream = self.connect(&uri).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await;
        let response = response.with_context(|| match uri.scheme_str() {
            Some("https") => "the server did not answer".to_owned(),
            _ => format!(
                "{endpoint} did not answer in HTTP; if it serves TLS, the endpoint begins with https://"
            ),
        })?;
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
        let answer = String::from_utf8_lossy(&answer);
        let parsed: Value = serde_json::from_str(&answer).unwrap_or_default();
        let text = |names: [&str; 2]| {
            let in_json = |name: &&str| parsed.get(*name).and_then(Value::as_str);
            let in_json = names.iter().find_map(in_json).map(str::to_owned);
            in_json.or_else(|| role::element(&answer, names[0]).map(unescaped))
        };
        let code = code.or_else(|| text(["Code", "__type"]));
        let code = code.unwrap_or_else(|| status.to_string());
        let message = text(["Message", "message"]).unwrap_or_default();
        bail!("{code}: {message}")
    }

    fn signed(&self, message: Message<'_>, uri: &Uri) -> anyhow::Result<Request<Full<Bytes>>> {
        let host = uri
            .authority()
            .context("the endpoint has no host")?
            .as_str();
        let headers = [Header {
            name: "host",
            value: host.as_bytes(),
        }];
        let head = RequestHead {
            method: message.method.as_str(),
            path: uri.path(),
            query: uri.query(),
            authority: None,
            headers: &headers,
        };
        let signer = Signer {
            access_key_id: &self.credentials.access_key_id,
            secret: self.credentials.secret.expose(),
            security_token: self.credentials.session_token.as_deref(),
            region: &self.server.region,
            service: message.service,
        };
        let now = Timestamp::from_unix_seconds(i64::try_from(now())?)
            .context("the clock is beyond the year 9999")?;
        let signed = signer.sign(&head, &message.body, now, &SignOptions::default());
        let target = uri.path_and_query().map_or("/", |p| p.as_str());
        let mut request = Request::builder()
            .method(&message.method)
            .uri(target)
            .header(HOST, host);
        if !message.body.is_empty() {
            let kind = HeaderValue::from_static(message.content_type);
            request = request.header(CONTENT_TYPE, kind);
        }
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        Ok(request.body(Full::new(message.body))?)
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
                self.server.endpoint
            )
        })?;
        if !secure {
            return Ok(Box::new(stream));
        }
        let connector = tokio_rustls::TlsConnector::from(Arc::new(self.tls()?));
        let name = rustls::pki_types::ServerName::try_from(host.to_owned())?;
        Ok(Box::new(connector.connect(name, stream).await.context(
            "no TLS with the server (AWS_CA_BUNDLE names the certificates to trust; an endpoint of plain HTTP begins with http://)",
        )?))
    }

    fn tls(&self) -> anyhow::Result<rustls::ClientConfig> {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        let bundle = self
            .server
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

/// A request for one of Palisade's own operations.
fn own(method: Method, path: &str, body: Bytes) -> Message<'_> {
    Message {
        method,
        path,
        service: "palisade",
        content_type: "application/json",
        body,
    }
}

/// The credentials of a source.
fn resolve<'a>(
    server: &'a Server,
    source: &'a Source,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Credentials>> + 'a>> {
    Box::pin(async move {
        match source {
            Source::Keys(credentials) => Ok(credentials.clone()),
            Source::Process(command) => process::run(command).await,
            Source::Role(role, from) => {
                let credentials = resolve(server, from).await?;
                let client = Client {
                    server: server.clone(),
                    credentials,
                };
                role.assume(&client).await
            }
        }
    })
}

/// Seconds since 1970; none before it.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// The text of an XML element.
fn unescaped(text: &str) -> String {
    let named = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    named.iter().fold(text.to_owned(), |text, (name, letter)| {
        text.replace(name, letter)
    })
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
