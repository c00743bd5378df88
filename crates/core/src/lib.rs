//! The shared words and seams of every Palisade service
#![forbid(unsafe_code)]
