//! Who may see what: the only door to a `View`, and a NOTIFY body is made from nothing else.

mod authorization;
mod classes;
mod conditions;
mod decision;
mod domain;
mod explain;
mod filter;
mod lists;
mod requester;
mod view;

pub use authorization::{Authorization, Judge, RuleClass, Unreadable};
pub(crate) use classes::{Class, Classes};
pub use decision::{Decision, Defaults};
pub use explain::{Outcome, Verdict};
pub use filter::{LeftOut, Removal, published};
pub use lists::Memberships;
pub(crate) use lists::USAGE as LISTS;
pub use requester::{Circumstances, Lists, Members, Requester};
pub use view::{Composed, View};
