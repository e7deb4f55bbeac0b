//! Requests over HTTP and HTTPS: whom to trust, connections that are used again, patience.

mod address;
mod exchange;
mod trust;

pub use address::{Address, AddressError};
pub use exchange::{Bounds, Reply, Web, WebError};
pub use trust::{Trust, TrustError};
