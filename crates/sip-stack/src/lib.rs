//! The behaviour of RFC 3261, RFC 3903 and RFC 6665, without sockets and clocks.
#![forbid(unsafe_code)]

pub mod auth;
pub mod bytes;
pub mod client_transaction;
pub mod client_transactions;
pub mod compositor;
pub mod dialog;
pub mod digest_client;
pub mod effect;
pub mod endpoint;
pub mod flow;
pub mod interest;
pub mod keys;
pub mod mac;
pub mod notifier;
pub mod numbers;
pub mod publisher;
#[cfg(test)]
mod scene;
pub mod server_transactions;
pub mod subscriber;
pub mod subscriptions;
pub mod time;
pub mod user_agent;

pub use flow::{Connection, Flow, Local, Protocol};
pub use numbers::Numbers;
pub use time::Timestamp;
