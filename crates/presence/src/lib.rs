//! The Presence Server: publications, composition, rules, views and notification.
#![forbid(unsafe_code)]

pub mod body;
pub mod composition;
pub mod outbox;
pub mod policy;
pub mod presentity;
pub mod refusal;
pub mod rules;
mod winfo;

pub use outbox::{Counts, Outbox, Ruling};
pub use policy::{Policy, Publish as PublishPolicy, Watch};
pub use presentity::{
    Explanation, PACKAGES, Presentity, Publish, Published, ROLE, Standing, Subscribe, Subscribed, Terms,
    WAITING_ROLE,
};
pub use refusal::Refusal;
pub use sip_stack::compositor::Lifetimes;
