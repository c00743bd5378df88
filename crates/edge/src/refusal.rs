//! Why a request is refused before any rule sees it.

use thiserror::Error;

/// What is wrong with a request, or with how it comes. Each has one status, and a text that is safe to tell.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A line ends in LF without CR, or holds a CR that is not at its end.
    #[error("a line does not end in CRLF")]
    LineEnd,
    /// NUL or another control byte where none may be.
    #[error("a control byte in the head")]
    ControlByte,
    /// The first line is not `METHOD target HTTP/1.1`.
    #[error("the first line is no request line")]
    RequestLine,
    /// A version other than 1.0 and 1.1.
    #[error("the version of HTTP is not served")]
    Version,
    /// A target of no known form, or one that is of another host than `Host`.
    #[error("the target is not valid")]
    Target,
    /// A method that is not for a server behind a proxy.
    #[error("the method is not served")]
    Method,
    /// A field's name is no token, or white space stands before its colon.
    #[error("a field's name is not valid")]
    FieldName,
    /// A field is continued on a second line.
    #[error("a field is folded")]
    FoldedField,
    /// More bytes than the limit.
    #[error("the head is too long")]
    HeadTooLong,
    /// More fields than the limit.
    #[error("there are too many fields")]
    TooManyFields,
    /// `Host` is missing, there twice, or no host.
    #[error("Host is not valid")]
    Host,
    /// `Content-Length` is no plain number, or is there twice.
    #[error("Content-Length is not valid")]
    ContentLength,
    /// `Transfer-Encoding` is anything but `chunked`, or comes with HTTP/1.0.
    #[error("Transfer-Encoding is not served")]
    TransferEncoding,
    /// Both of them.
    #[error("Content-Length and Transfer-Encoding in one request")]
    TwoLengths,
    /// An upgrade to HTTP/2 over plain text, which would carry requests nobody looks at.
    #[error("no upgrade to h2c")]
    UpgradeToH2c,
    /// `Expect` is anything but `100-continue`.
    #[error("Expect is not met")]
    Expectation,
    /// Chunks are not framed as they must be.
    #[error("a chunk is not valid")]
    Chunk,
    /// The client went away within its request.
    #[error("the request has no end")]
    Truncated,
    /// The head took too long.
    #[error("the head took too long")]
    SlowHead,
    /// The body took too long.
    #[error("the body took too long")]
    SlowBody,
    /// The body is longer than what can be inspected whole.
    #[error("the body is too long")]
    BodyTooLong,
    /// There is no room for the body of one more request.
    #[error("there is no room for the body")]
    NoRoom,
}

impl Refusal {
    /// The status that tells it.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Version => 505,
            Refusal::Method => 405,
            Refusal::HeadTooLong | Refusal::TooManyFields => 431,
            Refusal::Expectation => 417,
            Refusal::SlowHead | Refusal::SlowBody => 408,
            Refusal::BodyTooLong => 413,
            Refusal::NoRoom => 503,
            Refusal::TransferEncoding => 501,
            _ => 400,
        }
    }
}
