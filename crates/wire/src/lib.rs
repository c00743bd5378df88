//! The AWS wire protocols, each written once over shape schemas
#![forbid(unsafe_code)]
