//! The Resource List Server: list subscriptions, their back-end subscriptions, RLMI and multipart.
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod backend;
pub mod contained;
pub mod list;
pub mod members;
pub mod name;
pub mod outbox;
pub mod refusal;
pub mod roster;
pub mod service;

pub use backend::{Backend, BackendName};
pub use list::{List, NO_RESOURCE, ROLE, Subscribe, Terms};
pub use name::ListName;
pub use outbox::{Ask, Counts, Outbox};
pub use refusal::Refusal;
pub use roster::Shown;
