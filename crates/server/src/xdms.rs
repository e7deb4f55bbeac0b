//! The document servers and the Aggregation Proxy as this node plays them, behind the HTTP entrance.

pub mod archive;
pub mod counts;
pub mod declared;
pub mod entrance;
pub mod face;
mod merged;
pub mod remote;
pub mod roll;
pub mod site;
