//! A keep-alive connection of HTTP/1.1 that costs the client as little as can be.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection, opened again where the server closes it after each answer.
pub struct Connection {
    host: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The length of its head, in bytes.
    pub head_length: usize,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether the server closes the connection after it.
    closes: bool,
}

impl Connection {
    /// Connects to `host`, an address with its port.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(host: &str) -> anyhow::Result<Self> {
        Ok(Self {
            host: host.to_owned(),
            stream: connect(host).await?,
            buffer: Vec::with_capacity(8192),
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes back is no answer of known length.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed before the answer was whole");
            }
            if let Some(answer) = parse(&self.buffer)? {
                if answer.closes {
                    self.stream = connect(&self.host).await?;
                }
                return Ok(answer);
            }
        }
    }
}

async fn connect(host: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(host)
        .await
        .with_context(|| format!("connecting to {host}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The answer in `bytes`; `None` if there is more to come.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("a status")?
        .parse()?;
    let (mut length, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>()?);
        }
        closes |= name.eq_ignore_ascii_case("connection") && value.trim() == "close";
    }
    let length = length.context("an answer without a content-length")?;
    let body = &bytes[end + 4..];
    Ok((body.len() >= length).then(|| Answer {
        status,
        head_length: end + 4,
        body: body[..length].to_vec(),
        closes,
    }))
}
