//! XML patch operations, RFC 5261: applied to a document, and found as the difference between two.
//!
//! An [`Operation`] is read from an `add`, `replace` or `remove` element of a diff document ([`Operation::read`]) or
//! comes from [`diff`], and is printed into one ([`Operation::push`]). [`apply`] works on bytes: what an operation does
//! not concern stays as it is.
//!
//! ```
//! let limits = xml::patch::Limits::default();
//! let target = b"<doc><a n='1'/></doc>";
//! let diff = br#"<diff><add sel="doc/a[@n='1']" pos="after"><b/></add><remove sel="doc/a/@n"/></diff>"#;
//! let diff = xml::Tree::read(diff, &xml::Limits::default())?;
//! let operations: Result<Vec<_>, _> = diff.root().elements().map(xml::patch::Operation::read).collect();
//! assert_eq!(xml::patch::apply(target, &operations?, &limits)?, b"<doc><a/><b/></doc>");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod align;
mod apply;
mod children;
mod diff;
mod error;
mod locate;
mod mangle;
mod operation;
mod selector;
mod start_tag;

pub use apply::{Limits, apply};
pub use diff::diff;
pub use error::{PatchError, Reason};
pub use operation::{Action, Operation, Position, Whitespace};
