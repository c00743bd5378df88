//! Durable state: tables, transactions, journal, branches
#![forbid(unsafe_code)]
