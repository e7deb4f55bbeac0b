//! The description of the JSON face.

/// Where it is served.
pub const PATH: &str = "/v1/openapi.json";
