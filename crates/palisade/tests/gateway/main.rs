//! The whole server in one process, over a store in memory, called through its front and the wire: signed bytes in, bytes out.
//! No test calls a handler around it.

mod branches;
mod faults;
mod histories;
mod kit;
mod panics;
mod rows;
