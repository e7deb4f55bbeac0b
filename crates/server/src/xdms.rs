//! The document servers and the Aggregation Proxy as this node plays them, behind the HTTP entrance.

pub mod archive;
pub mod counts;
pub mod declared;
pub mod entrance;
mod merged;
pub mod openapi;
pub mod remote;
pub mod site;
