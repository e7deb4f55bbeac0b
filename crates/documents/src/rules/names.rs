//! Namespaces of rules, and of the elements that rules speak of.

/// RFC 4745 §13.
pub const COMMON_POLICY: &str = "urn:ietf:params:xml:ns:common-policy";
/// RFC 5025 §7.
pub const PRES_RULES: &str = "urn:ietf:params:xml:ns:pres-rules";
/// Conditions of the OMA.
pub const OMA_COMMON_POLICY: &str = "urn:oma:xml:xdm:common-policy";
/// Transformations of the OMA for presence.
pub const OMA_PRES_RULES: &str = "urn:oma:xml:prs:pres-rules";
/// Actions and transformations of the OMA for publications.
pub const OMA_PUB_RULES: &str = "urn:oma:xml:prs:pub-rules";

/// Elements of the OMA in presence documents.
pub(super) const OMA_PRES: &str = "urn:oma:xml:prs:pidf:oma-pres";
/// RFC 4119 §2.2.1.
pub(super) const GEOPRIV: &str = "urn:ietf:params:xml:ns:pidf:geopriv10";
