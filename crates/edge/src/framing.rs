//! How long a body is, and where its bytes are (RFC 9112, 6 and 7.1).

use crate::head::{RequestHead, ResponseHead, Several, Version};
use crate::refusal::Refusal;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// All until the connection ends; only in responses.
    UntilClose,
}

/// The framing of a request's body.
///
/// # Errors
/// Where two servers could see two lengths: both headers, one of them twice, anything but a plain number or `chunked`, names that become
/// these where `_` is read as `-`.
pub fn of_request(head: &RequestHead) -> Result<Framing, Refusal> {
    let fields = head.fields();
    for (name, _) in fields.iter() {
        if memchr::memchr(b'_', name).is_some() && becomes_framing(name) {
            return Err(Refusal::FieldName);
        }
    }
    let length = fields
        .only("content-length")
        .map_err(|Several| Refusal::ContentLength)?;
    let encoding = fields
        .only("transfer-encoding")
        .map_err(|Several| Refusal::TransferEncoding)?;
    match (length, encoding) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(Refusal::TwoLengths),
        (Some(length), None) => number(length)
            .map(|bytes| match bytes {
                0 => Framing::Empty,
                bytes => Framing::Length(bytes),
            })
            .ok_or(Refusal::ContentLength),
        (None, Some(encoding)) => {
            let plain = encoding.eq_ignore_ascii_case(b"chunked");
            if plain && head.version() != Version::Http10 {
                Ok(Framing::Chunked)
            } else {
                Err(Refusal::TransferEncoding)
            }
        }
    }
}

/// Gateways of the CGI kind read `_` and `-` alike.
fn becomes_framing(name: &[u8]) -> bool {
    let dashed: Vec<u8> = name
        .iter()
        .map(|byte| match byte {
            b'_' => b'-',
            byte => byte.to_ascii_lowercase(),
        })
        .collect();
    matches!(&dashed[..], b"content-length" | b"transfer-encoding")
}

/// The framing of a response's body to a request with this method.
///
/// # Errors
/// Where it is not clear.
pub fn of_response(head: &ResponseHead, to_head: bool) -> Result<Framing, Refusal> {
    if to_head || matches!(head.status(), 100..200 | 204 | 304) {
        return Ok(Framing::Empty);
    }
    let fields = head.fields();
    let encoding = fields
        .only("transfer-encoding")
        .map_err(|Several| Refusal::TransferEncoding)?;
    let mut lengths = fields.values("content-length");
    match (encoding, lengths.next()) {
        (Some(_), Some(_)) => Err(Refusal::TwoLengths),
        (Some(encoding), None) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (Some(_), None) => Err(Refusal::TransferEncoding),
        (None, Some(length)) if lengths.all(|other| other == length) => number(length)
            .map(|bytes| match bytes {
                0 => Framing::Empty,
                bytes => Framing::Length(bytes),
            })
            .ok_or(Refusal::ContentLength),
        (None, Some(_)) => Err(Refusal::ContentLength),
        (None, None) => Ok(Framing::UntilClose),
    }
}

/// Digits only, and no more than fit.
fn number(text: &[u8]) -> Option<u64> {
    let plain = (1..=18).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let digit = |value, byte: &u8| value * 10 + u64::from(byte - b'0');
    plain.then(|| text.iter().fold(0, digit))
}

/// Bytes of a line that gives a chunk's size, its extensions included.
const CHUNK_LINE_MAX: usize = 256;
/// Bytes of all trailers together. They are read and dropped.
const TRAILERS_MAX: usize = 16 * 1024;

/// Reads chunks from bytes that come piece by piece.
#[derive(Debug)]
pub struct Chunks {
    state: State,
    /// The line that is being read, as far as it has come.
    line: Vec<u8>,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    /// The CRLF after a chunk's bytes.
    AfterData,
    Trailers,
    Done,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes, which are none of the body, are used up.
    Skip(usize),
    /// So many bytes of the body.
    Data(usize),
    /// More bytes are needed.
    More,
    /// The body is over; what follows is the next request.
    Done,
}

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks {
            state: State::Size,
            line: Vec::new(),
            trailers: 0,
        }
    }
}

impl Chunks {
    /// Looks at the next bytes. Whatever it calls skipped or data must be taken away before the next call.
    ///
    /// # Errors
    /// Where they are not exactly chunks.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        match self.state {
            State::Done => Ok(Step::Done),
            _ if bytes.is_empty() => Ok(Step::More),
            State::Data(left) => {
                let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.state = match left - taken as u64 {
                    0 => State::AfterData,
                    left => State::Data(left),
                };
                Ok(Step::Data(taken))
            }
            State::Size | State::AfterData | State::Trailers => self.take_line(bytes),
        }
    }

    /// Whether the last chunk and the trailers have been read.
    pub fn is_over(&self) -> bool {
        self.state == State::Done
    }

    fn take_line(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..taken]);
        let max = match self.state {
            State::Trailers => TRAILERS_MAX - self.trailers.min(TRAILERS_MAX),
            _ => CHUNK_LINE_MAX,
        };
        if self.line.len() > max {
            return Err(Refusal::Chunk);
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r\n").ok_or(Refusal::Chunk)?;
            self.line_read(line)?;
        }
        Ok(Step::Skip(taken))
    }

    fn line_read(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line
            .iter()
            .any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
        {
            return Err(Refusal::Chunk);
        }
        self.state = match self.state {
            State::Size => match size(line)? {
                0 => State::Trailers,
                size => State::Data(size),
            },
            State::AfterData if line.is_empty() => State::Size,
            State::Trailers if line.is_empty() => State::Done,
            State::Trailers if memchr::memchr(b':', line).is_some() => {
                self.trailers += line.len() + 2;
                State::Trailers
            }
            _ => return Err(Refusal::Chunk),
        };
        Ok(())
    }
}

/// Hexadecimal digits, and after a semicolon extensions that nobody reads.
fn size(line: &[u8]) -> Result<u64, Refusal> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if !(1..=15).contains(&digits) || !matches!(line.get(digits), None | Some(b';')) {
        return Err(Refusal::Chunk);
    }
    let text = std::str::from_utf8(&line[..digits]).map_err(|_| Refusal::Chunk)?;
    u64::from_str_radix(text, 16).map_err(|_| Refusal::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn request(fields: &str) -> Result<Framing, Refusal> {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        of_request(&RequestHead::parse(Bytes::from(text), 100)?)
    }

    #[test]
    fn a_request_has_one_length() {
        assert_eq!(request(""), Ok(Framing::Empty));
        assert_eq!(request("Content-Length: 7\r\n"), Ok(Framing::Length(7)));
        assert_eq!(
            request("Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        for fields in [
            "+7",
            "-7",
            "7,7",
            "0x7",
            "",
            "7 7",
            "7;",
            "1e3",
            "9999999999999999999",
            "\u{663}",
        ] {
            let refused = request(&format!("Content-Length: {fields}\r\n"));
            assert_eq!(refused, Err(Refusal::ContentLength), "{fields}");
        }
        for encoding in [
            "gzip",
            "chunked, gzip",
            "gzip, chunked",
            "identity",
            "\"chunked\"",
            "chunked;a",
            "",
            "xchunked",
            "\u{b}chunked",
        ] {
            let refused = request(&format!("Transfer-Encoding: {encoding}\r\n"));
            assert!(refused.is_err(), "{encoding}");
        }
        let twice = "Content-Length: 7\r\ncontent-length: 7\r\n";
        assert_eq!(request(twice), Err(Refusal::ContentLength));
        let both = "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(request(both), Err(Refusal::TwoLengths));
        let two = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(request(two), Err(Refusal::TransferEncoding));
        assert_eq!(request("Content_Length: 7\r\n"), Err(Refusal::FieldName));
        assert_eq!(request("transfer_encoding: x\r\n"), Err(Refusal::FieldName));
        assert_eq!(request("my_header: x\r\n"), Ok(Framing::Empty));
    }

    /// The data of a chunked body that comes in pieces of this size, and what is left over.
    fn decode(text: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let (mut chunks, mut data, mut waiting) = (Chunks::default(), Vec::new(), Vec::new());
        let mut pieces = text.chunks(piece.max(1));
        loop {
            match chunks.step(&waiting)? {
                Step::Skip(taken) => drop(waiting.drain(..taken)),
                Step::Data(taken) => data.extend(waiting.drain(..taken)),
                Step::Done => {
                    waiting.extend(pieces.flatten());
                    return Ok((data, waiting));
                }
                Step::More => waiting.extend(pieces.next().ok_or(Refusal::Truncated)?),
            }
        }
    }

    #[test]
    fn chunks_are_read_however_they_come() {
        let text = b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET /";
        for piece in 1..text.len() {
            let (data, rest) = decode(text, piece).unwrap();
            assert_eq!(
                (&data[..], &rest[..]),
                (&b"abc0123456789"[..], &b"GET /"[..])
            );
        }
    }

    #[test]
    fn what_is_not_exactly_chunks_is_refused() {
        let wrong = [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "\r\n",
            "g\r\n",
            "3\rabc\n",
            "1000000000000000\r\n",
            "0\r\nno trailer\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3;\0\r\nabc\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\r\nA: \x01\r\n\r\n",
        ];
        for text in wrong {
            for piece in [1, 100] {
                assert_eq!(
                    decode(text.as_bytes(), piece),
                    Err(Refusal::Chunk),
                    "{text:?}"
                );
            }
        }
        let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(300));
        assert_eq!(decode(long.as_bytes(), 7), Err(Refusal::Chunk));
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(5000));
        assert_eq!(decode(trailers.as_bytes(), 1000), Err(Refusal::Chunk));
    }

    proptest! {
        #[test]
        fn what_comes_in_pieces_is_what_comes_whole(text in "([0-9a-f]{1,2}(;a)?\r\n[a-z\r\n]{0,20}(\r\n)?){0,4}(0\r\n\r\n)?", piece in 1usize..9) {
            prop_assert_eq!(decode(text.as_bytes(), piece), decode(text.as_bytes(), text.len().max(1)));
        }
    }
}
