//! Request and response types generated from models/
#![forbid(unsafe_code)]
