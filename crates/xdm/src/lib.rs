//! The XML Document Management Servers: application usages, their answers, and the feed of changes.
//!
//! [`Xdms`] is a machine without a store, a socket or a clock. For each HTTP request the shell asks [`Xdms::plan`] what to
//! read, reads it, and asks [`Xdms::decide`] what to answer and what to commit first:
//!
//! ```
//! # use std::sync::Arc;
//! use xdm::{Conditions, EntityTags, Index, Method, Principal, Request, Settings, Snapshot, Write, Xdms};
//!
//! let xdms = Xdms::new(Settings::default());
//! let (index, mut tags) = (Index::new(1), EntityTags::new(1, 0));
//! let alice = Principal::user(sip::Aor::parse("sip:alice@example.com")?);
//! let request = Request {
//!     method: Method::Put,
//!     path: "/resource-lists/users/sip:alice@example.com/index",
//!     query: None,
//!     conditions: Conditions::default(),
//!     content_type: Some("application/resource-lists+xml"),
//!     body: br#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>"#,
//!     principal: &alice,
//!     standing: None,
//! };
//! let plan = xdms.plan(&request).expect("nothing is refused yet");
//! assert!(plan.document().is_some(), "the store is asked for the document");
//! let snapshot = Snapshot { document: None, reading: None, listing: Vec::new(), index: &index };
//! let decision = xdms.decide(sip_stack::Timestamp::ZERO, &request, &plan, &snapshot, &mut tags);
//! assert_eq!(decision.answer.status, 201);
//! let commit = decision.commit.expect("it is committed before it is answered");
//! assert_eq!(commit.expected, None);
//! assert!(matches!(commit.write, Write::Put { .. }));
//! # Ok::<(), sip::FieldError>(())
//! ```
#![forbid(unsafe_code)]

mod answer;
mod authorize;
pub mod changes;
mod conditions;
mod date;
mod entity_tags;
mod index;
mod inherited;
pub mod json;
mod limits;
mod principal;
pub mod proxy;
mod reading;
mod refusal;
pub mod remote;
mod request;
mod search;
mod settings;
mod snapshot;
mod target;
mod usage;
mod usages;
mod xdms;
mod xui;

pub use answer::{Allow, Answer};
pub use entity_tags::EntityTags;
pub use index::{Index, canonical_service};
pub use limits::Limits;
pub use principal::Principal;
pub use reading::Reading;
pub use refusal::Refusal;
pub use request::{Conditions, Method, Request, Standing};
pub use settings::{Services, Settings, Shape, Tightenings, Users};
pub use snapshot::{Commit, Decision, Listed, Snapshot, Stored, Write};
pub use usages::{Check, Content, Declared};
pub use xdms::{Plan, Xdms};
pub use xui::{owner, same_owner};
