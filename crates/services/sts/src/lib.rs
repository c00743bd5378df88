//! AWS Security Token Service
#![forbid(unsafe_code)]
