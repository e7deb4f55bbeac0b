//! The behaviour of RFC 3261, RFC 3903 and RFC 6665, without sockets and clocks.
#![forbid(unsafe_code)]

pub mod flow;
pub mod time;

pub use flow::{Connection, Flow, Local, Protocol};
pub use time::Timestamp;
