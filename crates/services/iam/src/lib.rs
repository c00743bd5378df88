//! AWS Identity and Access Management
#![forbid(unsafe_code)]
