//! Namespaces that several usages speak of.

/// RFC 4826 §3.1
pub(super) const RESOURCE_LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
/// RFC 4826 §4.1
pub(super) const RLS_SERVICES: &str = "urn:ietf:params:xml:ns:rls-services";
/// RFC 4745 §13
pub(super) const COMMON_POLICY: &str = "urn:ietf:params:xml:ns:common-policy";
/// RFC 5025 §3
pub(super) const PRES_RULES: &str = "urn:ietf:params:xml:ns:pres-rules";
/// OMA conditions of rules.
pub(super) const OMA_COMMON_POLICY: &str = "urn:oma:xml:xdm:common-policy";
