//! Presence documents, RFC 3863, with the elements of the data model, RFC 4479.
//!
//! A [`Presence`] is accepted as a whole and then carried as the bytes it came in. What a presence server must know to
//! accept and compose documents is checked and indexed; every extension (RPID, timed status, CIPID, capabilities, the
//! OMA elements, and what is not known) is carried untouched, `mustUnderstand` included: RFC 3863 §4.2.3 speaks to who
//! acts on an element, and a server that forwards it does not. The elements need not stand in the order of the schema,
//! and the XML declaration may be missing, as RFC 4479 §5 wants receivers to be lenient.
//!
//! ```
//! use documents::pidf::{Basic, Builder, Presence, Status};
//!
//! let mut status = Status::new("pres:a@example.com", "desk", Basic::Open);
//! status.activity = Some("meeting".to_owned());
//! let desk = Presence::parse(&status.print(), &xml::Limits::default())?;
//! assert_eq!(desk.summary().to_string(), "open, meeting");
//!
//! let mut composed = Builder::new(desk.entity());
//! for element in desk.elements() {
//!     composed.element(&element, None);
//! }
//! assert_eq!(composed.finish().summary(), desk.summary());
//! # Ok::<(), documents::DocumentError>(())
//! ```

mod builder;
mod grammar;
mod index;
mod names;
mod outline;
mod presence;
mod reading;
mod status;
mod summary;

pub use crate::fingerprint::fingerprint;
pub use builder::{Builder, Part, empty, wrapped};
pub use grammar::{GRAMMAR, check};
pub use names::{DATA_MODEL, PIDF, RPID};
pub use outline::{Child, Component, Outline, Timing};
pub use presence::{Element, Kind, Presence};
pub use reading::{Note, Person, Tuple};
pub use status::{Basic, Status};
pub use summary::Summary;

/// The media type of presence documents, RFC 3863 §5.1.
pub const MEDIA_TYPE: &str = "application/pidf+xml";
