//! SIP messages, URIs, header fields, framing and digest arithmetic.
//!
//! Everything here turns bytes into values or values into bytes, borrows from its input, and knows no timer, no
//! transaction and no event package's meaning. Parsing a message and reading its fields allocates nothing unless a
//! message has more than 40 header fields.

#![forbid(unsafe_code)]

pub mod address;
pub mod aor;
pub mod auth;
mod canonical;
mod chars;
mod check;
mod coding;
pub mod cseq;
pub mod digest;
pub mod error;
pub mod event;
pub mod expires;
pub mod framing;
pub mod host;
pub mod limits;
mod lines;
pub mod media;
pub mod message;
pub mod method;
pub mod multipart;
pub mod name;
pub mod params;
mod reason;
mod related;
mod respond;
pub mod start;
pub mod uri;
mod uri_compare;
pub mod via;
pub mod write;

pub use address::NameAddr;
pub use aor::{Aor, aor_hash};
pub use auth::{Challenge, Credentials};
pub use canonical::{canonical, canonical_text};
pub use coding::{CODINGS, CodingError, unpack};
pub use cseq::CSeq;
pub use error::{Defect, FieldError, ParseError, ParseErrorKind};
pub use event::{EventHeader, SubscriptionState};
pub use expires::{RetryAfter, delta_seconds};
pub use framing::{Frame, FrameError, Framer};
pub use host::Host;
pub use limits::Limits;
pub use media::{MediaType, accepts};
pub use message::{Field, Message};
pub use method::Method;
pub use multipart::{MultipartError, Part};
pub use name::Name;
pub use params::{Params, quote, unquote};
pub use reason::reason;
pub use related::Related;
pub use respond::{respond, respond_with};
pub use start::Start;
pub use uri::{PresUri, SipUri, TelUri, Uri};
pub use via::Via;
pub use write::{Decimal, Hexadecimal, Writer};
