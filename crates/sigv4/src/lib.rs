//! AWS Signature Version 4 verification, pure
#![forbid(unsafe_code)]
