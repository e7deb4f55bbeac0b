//! Watcher information, RFC 3858: who watches a resource, and what becomes of each subscription.
//!
//! ```
//! use documents::watcherinfo::{Event, State, Status, WatcherInfo, WatcherList};
//!
//! let document = br#"<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
//!   <watcher-list resource="sip:joe@example.com" package="presence">
//!     <watcher id="77ajsyy76" event="subscribe" status="pending">sip:A@example.com</watcher>
//!   </watcher-list></watcherinfo>"#;
//! let info = WatcherInfo::parse(document, &xml::Limits::default())?;
//! let watcher = &info.lists[0].watchers[0];
//! assert_eq!((&*watcher.uri, watcher.status, watcher.event), ("sip:A@example.com", Status::Pending, Event::Subscribe));
//! assert_eq!(WatcherInfo::parse(&info.print(), &xml::Limits::default())?, info);
//! # Ok::<(), documents::DocumentError>(())
//! ```

mod grammar;
mod info;
mod reading;
mod table;
mod writing;

use xml::Limits;
use xml::schema::Invalid;

pub use grammar::GRAMMAR;
pub use info::{Event, State, Status, Watcher, WatcherInfo, WatcherList};
pub use table::{Applied, Table};

/// The media type of watcher information, RFC 3858 §8.1.
pub const MEDIA_TYPE: &str = "application/watcherinfo+xml";

/// How a watcher is shown that does not show who it is, RFC 3323 §4.1.1.3.
pub const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

/// RFC 3858 §3.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// Checks a document against its grammar.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    xml::schema::check(bytes, &GRAMMAR, limits)
}
