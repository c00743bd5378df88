//! The HTTP front: route, authenticate, decode, authorize, dispatch, record, encode
#![forbid(unsafe_code)]
