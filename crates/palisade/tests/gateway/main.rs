//! The whole server in one process, over a store in memory, called through its front and the wire: signed bytes in, bytes out.
//! No test calls a handler around it.

mod branches;
mod conflicts;
mod denials;
mod faults;
mod histories;
mod hostile;
mod idempotency;
mod kit;
mod kms;
mod limits;
mod outside;
mod panics;
mod regions;
mod rows;
mod sessions;
