//! The IAM policy language: parse, validate, evaluate, explain
#![forbid(unsafe_code)]
