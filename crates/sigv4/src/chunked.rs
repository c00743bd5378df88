//! `aws-chunked` bodies: a decoder that is fed bytes as they come and verifies what is signed.
//!
//! ```text
//! 5;chunk-signature=<64 hex>\r\n
//! hello\r\n
//! 0;chunk-signature=<64 hex>\r\n
//! x-amz-checksum-crc32c:wdBDMA==\r\n          with a trailer only
//! x-amz-trailer-signature:<64 hex>\r\n        with a signed trailer only
//! \r\n
//! ```
//!
//! Each signature covers the one before it, the first the request's own, so chunks can be neither
//! dropped nor put in another order.
//! Semantics: Amazon S3 API Reference, *Signature calculations: transferring a payload in multiple
//! chunks* and *including trailing headers*.

use sha2::digest::FixedOutputReset;
use sha2::{Digest, Sha256};

use crate::encode::{hex_value, hex32};
use crate::error::AuthError;
use crate::key::{Signature, SigningKey};
use crate::parse::Credentialed;
use crate::payload::{ChunkMode, PayloadMode};
use crate::request::RequestHead;
use crate::time::Timestamp;

/// The longest line that precedes a chunk, in bytes, line end included. (The longest sensible one
/// has 16 hex digits and a signature: 99.)
pub const MAX_CHUNK_LINE: usize = 256;

/// The most bytes that a trailer may have, signature and line ends included.
pub const MAX_TRAILER: usize = 8 * 1024;

const SIGNATURE_EXTENSION: &[u8] = b"chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// All that is needed to decode and verify a chunked body, from a verified request.
#[derive(Debug, Clone)]
pub struct ChunkedBody {
    mode: ChunkMode,
    decoded_length: u64,
    trailers: Vec<String>,
    chain: Chain,
}

impl ChunkedBody {
    pub(crate) fn new(
        claim: &Credentialed<'_>,
        head: &RequestHead<'_>,
        key: &SigningKey,
        seed: Signature,
    ) -> Result<ChunkedBody, AuthError> {
        let PayloadMode::Chunked(mode) = claim.payload_mode() else {
            return Err(AuthError::InvalidPayloadHash);
        };
        let length = head.single_text("x-amz-decoded-content-length")?;
        let trailers = head.single_text("x-amz-trailer")?;
        Ok(ChunkedBody {
            mode,
            decoded_length: length
                .and_then(parse_length)
                .ok_or(AuthError::MissingDecodedLength)?,
            trailers: declared_trailers(mode, trailers)?,
            chain: Chain {
                key: key.clone(),
                timestamp: claim.timestamp(),
                scope: claim.scope().to_owned(),
                previous: seed,
            },
        })
    }

    /// The kind of chunking.
    pub fn mode(&self) -> ChunkMode {
        self.mode
    }

    /// `x-amz-decoded-content-length`: bytes of payload, without chunk lines and trailer.
    pub fn decoded_length(&self) -> u64 {
        self.decoded_length
    }

    /// The names in `x-amz-trailer`, in lower case.
    pub fn trailers(&self) -> &[String] {
        &self.trailers
    }

    /// A decoder for the body.
    pub fn decoder(self) -> ChunkedDecoder {
        ChunkedDecoder {
            remaining: self.decoded_length,
            body: self,
            state: State::Line,
            line: Vec::new(),
            hash: Sha256::new(),
            claimed: None,
            found: Vec::new(),
            trailer_bytes: 0,
            ended: false,
            failed: None,
        }
    }
}

/// Why a chunked body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A chunk's or the trailer's signature is missing or not the one computed.
    #[error("a chunk's signature does not match")]
    Signature,
    /// A chunk line is too long or is no size, or a chunk is not followed by CR LF.
    #[error("malformed chunk")]
    Malformed,
    /// The payload is longer or shorter than `x-amz-decoded-content-length`.
    #[error("the payload has not the declared length")]
    Length,
    /// The body ended within a chunk or before the last one.
    #[error("the body is incomplete")]
    Incomplete,
    /// The trailer is too long, malformed, or not what `x-amz-trailer` declares.
    #[error("malformed trailer")]
    Trailer,
    /// There are bytes after the end.
    #[error("bytes after the end of the body")]
    Surplus,
}

/// A decoder of one body. Feed it all bytes in any portions, then call
/// [`finish`](ChunkedDecoder::finish).
///
/// Payload comes out as it comes in, before the signature of its chunk is known to be right, so
/// memory stays bounded however large chunks are. **Nothing may become visible before `finish`
/// succeeds.**
#[derive(Debug)]
pub struct ChunkedDecoder {
    body: ChunkedBody,
    state: State,
    line: Vec<u8>,
    hash: Sha256,
    claimed: Option<[u8; 64]>,
    remaining: u64,
    found: Vec<(String, String)>,
    trailer_bytes: usize,
    /// Nothing but an empty line may follow.
    ended: bool,
    failed: Option<ChunkError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Reading the line before a chunk.
    Line,
    /// Reading payload: so many bytes to go.
    Data(u64),
    /// Reading the CR LF after payload; the flag says whether CR was there.
    End(bool),
    /// Reading lines after the last chunk.
    Trailer,
    /// All was read.
    Done,
}

impl ChunkedDecoder {
    /// Takes the next bytes of the body; payload goes to `out`, in order.
    ///
    /// # Errors
    /// The first [`ChunkError`] found; the same again on every later call.
    pub fn feed(&mut self, mut input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), ChunkError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        while !input.is_empty() {
            let step = match self.state {
                State::Line => self.read_line(input, MAX_CHUNK_LINE, ChunkError::Malformed),
                State::Trailer => self.read_line(input, MAX_TRAILER, ChunkError::Trailer),
                State::Data(left) => self.read_data(input, left, out),
                State::End(had_cr) => self.read_end(input, had_cr),
                State::Done => Err(ChunkError::Surplus),
            };
            match step {
                Ok(rest) => input = rest,
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Ends the body. Returns the trailers, names in lower case, in the order sent.
    ///
    /// # Errors
    /// The [`ChunkError`] that `feed` reported, or [`ChunkError::Incomplete`].
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match (self.failed, self.state) {
            (Some(error), _) => Err(error),
            (None, State::Done) => Ok(self.found),
            (None, _) => Err(ChunkError::Incomplete),
        }
    }

    /// Collects a line, its end included, and acts on it once it is whole.
    fn read_line<'i>(
        &mut self,
        input: &'i [u8],
        max: usize,
        error: ChunkError,
    ) -> Result<&'i [u8], ChunkError> {
        let end = input
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + 1);
        let (part, rest) = input.split_at(end.unwrap_or(input.len()));
        if self.line.len() + part.len() > max {
            return Err(error);
        }
        self.line.extend_from_slice(part);
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if self.state == State::Trailer {
                self.trailer_line(text.strip_suffix(b"\r").unwrap_or(text), line.len())?;
            } else {
                self.chunk_line(text.strip_suffix(b"\r").ok_or(ChunkError::Malformed)?)?;
            }
        }
        Ok(rest)
    }

    fn chunk_line(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let (size, extension) = match line.iter().position(|byte| *byte == b';') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        let size = parse_size(size).ok_or(ChunkError::Malformed)?;
        self.claimed = match (self.body.mode.is_signed(), extension) {
            (true, Some(extension)) => Some(
                extension
                    .strip_prefix(SIGNATURE_EXTENSION)
                    .and_then(|signature| signature.try_into().ok())
                    .ok_or(ChunkError::Signature)?,
            ),
            (true, None) => return Err(ChunkError::Signature),
            (false, Some(_)) => return Err(ChunkError::Malformed),
            (false, None) => None,
        };
        if size > self.remaining {
            return Err(ChunkError::Length);
        }
        if size > 0 {
            self.state = State::Data(size);
            return Ok(());
        }
        if self.remaining > 0 {
            return Err(ChunkError::Length);
        }
        self.check_chunk()?;
        self.state = if self.body.mode.has_trailer() {
            State::Trailer
        } else {
            self.ended = true;
            State::End(false)
        };
        Ok(())
    }

    fn read_data<'i>(
        &mut self,
        input: &'i [u8],
        left: u64,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<&'i [u8], ChunkError> {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (data, rest) = input.split_at(take);
        if self.body.mode.is_signed() {
            self.hash.update(data);
        }
        out(data);
        self.remaining -= take as u64;
        let left = left - take as u64;
        self.state = if left > 0 {
            State::Data(left)
        } else {
            State::End(false)
        };
        if left == 0 {
            self.check_chunk()?;
        }
        Ok(rest)
    }

    fn read_end<'i>(&mut self, input: &'i [u8], had_cr: bool) -> Result<&'i [u8], ChunkError> {
        match (input, had_cr) {
            ([b'\r', rest @ ..], false) => {
                self.state = State::End(true);
                Ok(rest)
            }
            ([b'\n', rest @ ..], true) => {
                self.state = if self.ended { State::Done } else { State::Line };
                Ok(rest)
            }
            _ => Err(ChunkError::Malformed),
        }
    }

    /// Compares the signature of the chunk that has just ended with the one claimed.
    fn check_chunk(&mut self) -> Result<(), ChunkError> {
        let digest = self.hash.finalize_fixed_reset().into();
        match (self.body.mode.is_signed(), self.claimed.take()) {
            (false, _) => Ok(()),
            (true, Some(claimed)) if self.body.chain.chunk(&digest).matches(&claimed) => Ok(()),
            (true, _) => Err(ChunkError::Signature),
        }
    }

    fn trailer_line(&mut self, line: &[u8], length: usize) -> Result<(), ChunkError> {
        self.trailer_bytes += length;
        if self.trailer_bytes > MAX_TRAILER {
            return Err(ChunkError::Trailer);
        }
        let wants_signature = self.body.mode.is_signed() && !self.ended;
        if line.is_empty() {
            // Some clients end the trailer itself with an empty line, before its signature.
            if !wants_signature {
                self.check_trailer_names()?;
                self.state = State::Done;
            }
            return Ok(());
        }
        let (name, value) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'))
            .ok_or(ChunkError::Trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name != TRAILER_SIGNATURE {
            if self.ended || self.found.len() >= self.body.trailers.len() {
                return Err(ChunkError::Trailer);
            }
            self.found.push((name, value.to_owned()));
            return Ok(());
        }
        if !wants_signature {
            return Err(ChunkError::Trailer);
        }
        self.ended = true;
        if !self
            .body
            .chain
            .trailer(&self.found)
            .matches(value.as_bytes())
        {
            return Err(ChunkError::Signature);
        }
        Ok(())
    }

    fn check_trailer_names(&self) -> Result<(), ChunkError> {
        let mut found: Vec<&str> = self.found.iter().map(|(name, _)| name.as_str()).collect();
        found.sort_unstable();
        if found == self.body.trailers {
            Ok(())
        } else {
            Err(ChunkError::Trailer)
        }
    }
}

/// The chain of signatures over the chunks of one body.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub key: SigningKey,
    pub timestamp: Timestamp,
    pub scope: String,
    /// The signature before: the request's, then each chunk's.
    pub previous: Signature,
}

impl Chain {
    /// The signature of the next chunk, given the SHA-256 of its payload.
    pub fn chunk(&mut self, payload: &[u8; 32]) -> Signature {
        let empty = hex32(&Sha256::digest(b"").into());
        let payload = hex32(payload);
        self.next(b"AWS4-HMAC-SHA256-PAYLOAD", &[&empty, b"\n", &payload])
    }

    /// The signature of the trailer.
    pub fn trailer(&mut self, fields: &[(String, String)]) -> Signature {
        let mut sorted: Vec<_> = fields.iter().collect();
        sorted.sort_unstable();
        let mut hash = Sha256::new();
        for (name, value) in sorted {
            for part in [name.as_str(), ":", value.as_str(), "\n"] {
                hash.update(part);
            }
        }
        let digest = hex32(&hash.finalize().into());
        self.next(b"AWS4-HMAC-SHA256-TRAILER", &[&digest])
    }

    fn next(&mut self, kind: &[u8], tail: &[&[u8]]) -> Signature {
        let head: [&[u8]; 8] = [
            kind,
            b"\n",
            self.timestamp.as_str().as_bytes(),
            b"\n",
            self.scope.as_bytes(),
            b"\n",
            self.previous.as_bytes(),
            b"\n",
        ];
        let signature = self.key.sign_hex(&[&head, tail].concat());
        self.previous = signature;
        signature
    }
}

fn declared_trailers(mode: ChunkMode, text: Option<&str>) -> Result<Vec<String>, AuthError> {
    match (mode.has_trailer(), text) {
        (false, None) => Ok(Vec::new()),
        (true, Some(text)) => {
            let mut names: Vec<String> = text
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .collect();
            names.sort_unstable();
            let repeated = names.windows(2).any(|pair| pair[0] == pair[1]);
            let odd = |name: &String| name.is_empty() || name == TRAILER_SIGNATURE;
            if repeated || names.iter().any(odd) {
                return Err(AuthError::InvalidTrailerDeclaration);
            }
            Ok(names)
        }
        _ => Err(AuthError::InvalidTrailerDeclaration),
    }
}

fn parse_length(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn parse_size(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |size, digit| {
        Some(size << 4 | u64::from(hex_value(*digit)?))
    })
}
