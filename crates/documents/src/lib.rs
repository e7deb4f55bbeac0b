//! The documents of presence: what its standards call by a media type, a module each.
//!
//! A module has the namespace and the media type, a grammar with `check`, which says where a document breaks the schema
//! of its standard, and types for what a machine acts on; the rest stays the bytes it came in. The grammars are tables
//! of ours, written from the texts that their docstrings name.
#![forbid(unsafe_code)]

mod cursor;
pub mod error;
mod fingerprint;
pub mod group_usage_list;
pub mod groups;
mod oma;
pub mod pidf;
pub mod pres_content;
pub mod pub_rules;
pub mod resource_lists;
pub mod rlmi;
pub mod rls_services;
pub mod rules;
pub mod search;
pub mod time;
pub mod user_profile;
pub mod watcherinfo;
pub mod xcap_caps;
pub mod xcap_diff;
pub mod xcap_directory;

pub use error::{DocumentError, Rule};
