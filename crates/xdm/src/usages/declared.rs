//! Usages that an operator declares in the configuration.

use core::fmt;
use std::sync::Arc;

use crate::refusal::Refusal;
use crate::usage::{Definition, Draft, Usage};

/// A check of documents against a schema that the operator gave.
pub trait Check: Send + Sync {
    /// Refuses a document, in words for a person.
    fn check(&self, document: &[u8]) -> Result<(), String>;
}

/// A usage with the rights and names that RFC 4825 has by default.
#[derive(Clone)]
pub struct Declared {
    /// Its AUID, RFC 4825 §5.1: `org.example.notes`.
    pub auid: Box<str>,
    /// The media type of its documents.
    pub media_type: Box<str>,
    /// The default document namespace.
    pub namespace: Box<str>,
    /// Its schema; without one, everything that is well-formed is taken.
    pub schema: Option<Arc<dyn Check>>,
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Declared").field(&self.auid).finish()
    }
}

impl Usage for Declared {
    fn definition(&self) -> Definition<'_> {
        Definition {
            auid: &self.auid,
            media_type: &self.media_type,
            namespace: &self.namespace,
            grammar: None,
        }
    }

    /// Without a schema it cannot be said that the namespace is supported, RFC 4825 §12.
    fn namespaces(&self) -> Vec<&str> {
        if self.schema.is_some() { vec![&*self.namespace] } else { Vec::new() }
    }

    fn check(&self, draft: &Draft<'_>) -> Result<(), Refusal> {
        match &self.schema {
            Some(schema) => schema.check(draft.tree.bytes()).map_err(Refusal::schema),
            None => Ok(()),
        }
    }
}
