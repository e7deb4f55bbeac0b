//! Authorization rules, RFC 4745: for presence (RFC 5025 and OMA), and for publications (OMA).
//!
//! A [`Ruleset`] is what a document says, rule by rule, and no more: whether a rule matches, and what becomes of a
//! watcher, is decided elsewhere. Where a document is extended by what we do not know, the reader errs to the side of
//! privacy, as RFC 4745 §4 wants it: an unknown condition is kept as one that cannot be true, unknown actions and
//! transformations grant nothing. What breaks the formats that we do know refuses the document.
//!
//! ```
//! use documents::rules::{Condition, Ruleset, SubHandling};
//!
//! let text = br#"<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"
//!   xmlns:pr="urn:ietf:params:xml:ns:pres-rules"><rule id="a">
//!     <conditions><identity><one id="sip:bob@example.com"/></identity></conditions>
//!     <actions><pr:sub-handling>allow</pr:sub-handling></actions>
//! </rule></ruleset>"#;
//! let ruleset = Ruleset::read(text, &xml::Limits::default())?;
//! assert_eq!(ruleset.rules[0].handling, Some(SubHandling::Allow));
//! assert!(matches!(ruleset.rules[0].conditions[..], [Condition::Identity(_)]));
//! # Ok::<(), documents::DocumentError>(())
//! ```

mod attributes;
pub mod decisions;
mod grammar;
mod names;
mod permissions;
mod reading;
mod ruleset;
mod transformations;
pub mod writing;

pub use attributes::{Attribute, AttributeSet, Governed, UserInput};
pub use grammar::{GRAMMAR, check};
pub(crate) use grammar::{RULESET, VOCABULARY};
pub use names::{COMMON_POLICY, OMA_COMMON_POLICY, OMA_PRES_RULES, OMA_PUB_RULES, PRES_RULES};
pub use permissions::{Permissions, Selection, Selector};
pub use ruleset::{Condition, Except, Identity, Many, Period, Rule, Ruleset, SubHandling};

/// The media type of rules documents, RFC 4745 §15.2.
pub const MEDIA_TYPE: &str = "application/auth-policy+xml";
