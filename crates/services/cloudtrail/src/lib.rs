//! AWS CloudTrail event history
#![forbid(unsafe_code)]
