//! A connection: bytes that were read and not yet used, heads and bodies from them.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::framing::{Chunks, Framing, Step};
use crate::head::HeadEnd;
use crate::refusal::Refusal;

/// Bytes that are read at once while a head is awaited: what an idle connection costs.
const HEAD_READ_BYTES: usize = 4 * 1024;
/// Bytes that are read at once of a body.
const BODY_READ_BYTES: usize = 16 * 1024;

/// Anything bytes go through both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Why nothing more can be read.
#[derive(Debug, Error)]
pub enum WireError {
    /// What came is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A connection.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    read: BytesMut,
}

impl<S: Stream> Wire<S> {
    /// A connection nothing was read from yet.
    pub fn new(stream: S) -> Wire<S> {
        Wire {
            stream,
            read: BytesMut::new(),
        }
    }

    /// Whether bytes are there that nobody has used.
    pub fn has_bytes(&self) -> bool {
        !self.read.is_empty()
    }

    /// The bytes that are there.
    pub fn bytes(&mut self) -> &mut BytesMut {
        &mut self.read
    }

    /// The stream beneath.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Reads more; 0 where there is no more.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn fill(&mut self, at_least: usize) -> io::Result<usize> {
        self.read.reserve(at_least);
        self.stream.read_buf(&mut self.read).await
    }

    /// The next head, up to its empty line; nothing where the connection ends before it begins.
    ///
    /// # Errors
    /// Where it is longer than `bytes_max`, ends early, or a line of it does not end in CRLF.
    pub async fn head(&mut self, bytes_max: usize) -> Result<Option<Bytes>, WireError> {
        let mut end = HeadEnd::default();
        loop {
            // RFC 9112, 2.2: an empty line before a request is let pass.
            while self.read.starts_with(b"\r\n") {
                self.read.advance(2);
                end = HeadEnd::default();
            }
            if let Some(length) = end.find(&self.read)? {
                if length > bytes_max {
                    return Err(Refusal::HeadTooLong.into());
                }
                return Ok(Some(self.read.split_to(length).freeze()));
            }
            if self.read.len() >= bytes_max {
                return Err(Refusal::HeadTooLong.into());
            }
            if self.fill(HEAD_READ_BYTES).await? == 0 {
                return match self.has_bytes() {
                    true => Err(Refusal::Truncated.into()),
                    false => Ok(None),
                };
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Ends the connection so that the peer reads the last answer: what it still sends is read and dropped, for a moment.
    pub async fn close(mut self) {
        const DROPPED_BYTES_MAX: usize = 1 << 20;
        let closing = async {
            self.stream.shutdown().await?;
            let mut dropped = 0;
            while dropped < DROPPED_BYTES_MAX {
                self.read.clear();
                match self.fill(BODY_READ_BYTES).await? {
                    0 => break,
                    read => dropped += read,
                }
            }
            Ok::<_, io::Error>(())
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), closing).await;
    }
}

/// What is left of a body on a connection.
#[derive(Debug)]
pub enum Rest {
    /// Nothing.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// All until the connection ends.
    UntilClose,
}

impl From<Framing> for Rest {
    fn from(framing: Framing) -> Rest {
        match framing {
            Framing::Empty | Framing::Length(0) => Rest::None,
            Framing::Length(bytes) => Rest::Length(bytes),
            Framing::Chunked => Rest::Chunked(Chunks::default()),
            Framing::UntilClose => Rest::UntilClose,
        }
    }
}

impl Rest {
    /// Whether the body has been read to its end.
    pub fn is_over(&self) -> bool {
        matches!(self, Rest::None)
    }

    /// The next bytes of the body; nothing at its end. May be dropped while it waits.
    ///
    /// # Errors
    /// Where the body ends early or is not framed as it must be.
    pub async fn next<S: Stream>(
        &mut self,
        wire: &mut Wire<S>,
    ) -> Result<Option<Bytes>, WireError> {
        loop {
            if !wire.has_bytes() && !self.is_over() && wire.fill(BODY_READ_BYTES).await? == 0 {
                if let Rest::UntilClose = self {
                    *self = Rest::None;
                    return Ok(None);
                }
                return Err(Refusal::Truncated.into());
            }
            let there = wire.read.len();
            match self {
                Rest::None => return Ok(None),
                Rest::UntilClose => return Ok(Some(wire.read.split().freeze())),
                Rest::Length(left) => {
                    let taken = there.min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    if *left == 0 {
                        *self = Rest::None;
                    }
                    return Ok(Some(wire.read.split_to(taken).freeze()));
                }
                Rest::Chunked(chunks) => match chunks.step(&wire.read)? {
                    Step::Skip(taken) => {
                        wire.read.advance(taken);
                        if chunks.is_over() {
                            *self = Rest::None;
                        }
                    }
                    Step::Data(taken) => return Ok(Some(wire.read.split_to(taken).freeze())),
                    Step::More => {}
                    Step::Done => *self = Rest::None,
                },
            }
        }
    }
}
