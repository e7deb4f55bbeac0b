//! The naive reference of views, as the tests of the Presence Server have it: documents, permissions, and what these leave.

#[path = "../../presence/tests/model/component.rs"]
mod component;
#[path = "../../presence/tests/model/naive.rs"]
mod naive;
#[path = "../../presence/tests/model/transformations.rs"]
mod transformations;

pub(crate) use component::{Component, print, read};
pub(crate) use naive::naive;
pub(crate) use transformations::transformations;
