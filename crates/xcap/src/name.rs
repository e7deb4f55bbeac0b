//! Expanded names in a node selector.

use std::sync::Arc;

use crate::error::UriError;
use crate::pointer::Bindings;

/// An expanded name, and the prefix that it is to be written with. Equal by expanded name: the prefix does not count.
#[derive(Clone, Debug)]
pub struct ExpandedName {
    /// As written; empty if without. A wish when printed, as another may be needed.
    pub prefix: Arc<str>,
    /// The namespace; empty for none.
    pub namespace: Arc<str>,
    /// The local name.
    pub local: Arc<str>,
}

impl ExpandedName {
    /// The name `local` in `namespace` (empty for none), without a wish for a prefix.
    pub fn new(namespace: &str, local: &str) -> Self {
        Self { prefix: "".into(), namespace: namespace.into(), local: local.into() }
    }

    /// The name of an element or attribute of a document, with its prefix there.
    pub fn of(name: xml::Name<'_>) -> Self {
        Self { prefix: name.prefix.into(), namespace: name.namespace.text().into(), local: name.local.into() }
    }

    /// Whether an element or attribute of a document has this name.
    pub fn is(&self, name: xml::Name<'_>) -> bool {
        name.is(&self.namespace, &self.local)
    }

    /// Reads a `QName`; none if it is none. Without a prefix it is in the namespace `unprefixed`.
    pub(crate) fn read(
        text: &str,
        bindings: &Bindings,
        unprefixed: &Arc<str>,
    ) -> Result<Option<Self>, UriError> {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        if !xml::is_name(local) || !(prefix.is_empty() || xml::is_name(prefix)) || text.starts_with(':') {
            return Ok(None);
        }
        let namespace = if prefix.is_empty() {
            Arc::clone(unprefixed)
        } else {
            bindings.namespace(prefix).ok_or_else(|| UriError::UnboundPrefix(prefix.to_owned()))?
        };
        Ok(Some(Self { prefix: prefix.into(), namespace, local: local.into() }))
    }
}

impl PartialEq for ExpandedName {
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local && self.namespace == other.namespace
    }
}

impl Eq for ExpandedName {}
