//! Typed requests, responses and operation tables, generated from models/ when a service is built
#![forbid(unsafe_code)]
