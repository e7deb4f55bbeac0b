//! An XDM client: documents of a user over XCAP, RFC 4825, as the enabler's XDMC speaks it.
//!
//! ```no_run
//! use client::web::Trust;
//! use client::xdm::{Condition, Resource, XdmClient, XdmOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let root = "https://xcap.example.com/xcap-root".parse()?;
//! let mut options = XdmOptions::new("alice@example.com".parse()?, root, Trust::System);
//! options.password = Some("wonderland".into());
//! let client = XdmClient::new(options)?;
//! let friends = Resource::own("resource-lists", "index").node(r#"resource-lists/list[@name="friends"]"#);
//! client.put(&friends, r#"<list name="friends"/>"#, &Condition::None).await?;
//! # Ok(())
//! # }
//! ```

mod client;
mod decisions;
mod error;
mod resource;

pub use client::{Condition, Found, OpenError, Put, XdmClient, XdmOptions};
pub use decisions::{DecideError, Decided};
pub use error::XdmError;
pub use resource::Resource;
