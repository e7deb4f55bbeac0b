//! Why a patch cannot be applied, RFC 5261 §5.

use core::fmt;

/// A patch was not applied: the first operation that failed, from 0, and why. The target is to stay as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    /// Which operation, from 0.
    pub operation: usize,
    /// Why.
    pub reason: Reason,
}

/// The error conditions of RFC 5261 §5.1 that can come up here, and the limits.
///
/// Not among them: `invalid-character-set`, `invalid-diff-format` and `invalid-entity-declaration`, which are refusals
/// of the diff document when it is read; `unsupported-id-function` and `unsupported-xml-id`, as both are supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `sel`, `type`, `pos` or `ws` has a value that is not allowed, or an attribute would have one.
    InvalidAttributeValue(&'static str),
    /// A prefix that the diff document does not declare, that the target cannot use, or that is still in use.
    InvalidNamespacePrefix(String),
    /// A namespace that the target does not declare, or none at all.
    InvalidNamespaceUri(String),
    /// What is replaced and what replaces it are of different kinds, or too many.
    InvalidNodeTypes,
    /// The operation is none, or it would do what is done already.
    InvalidPatchDirective(&'static str),
    /// The root element would be removed, or another one added.
    InvalidRootElementOperation,
    /// Text would stand outside the root element.
    InvalidXmlPrologOperation,
    /// The whitespace that is to be removed is not there.
    InvalidWhitespaceDirective,
    /// The selector locates no node, or more than one.
    UnlocatedNode,
    /// More operations than [`Limits::operations`](super::Limits::operations).
    TooManyOperations,
    /// A selector of more bytes than [`Limits::selector`](super::Limits::selector).
    SelectorTooLong,
    /// What would come out is no document, or exceeds a limit of documents.
    Document(crate::Error),
}

impl Reason {
    /// The name of its error element in `urn:ietf:params:xml:ns:patch-ops-error`; of a limit, that of a directive that
    /// is not carried out.
    pub const fn element(&self) -> &'static str {
        match self {
            Self::InvalidAttributeValue(_) => "invalid-attribute-value",
            Self::InvalidNamespacePrefix(_) => "invalid-namespace-prefix",
            Self::InvalidNamespaceUri(_) => "invalid-namespace-uri",
            Self::InvalidNodeTypes => "invalid-node-types",
            Self::InvalidPatchDirective(_)
            | Self::TooManyOperations
            | Self::SelectorTooLong
            | Self::Document(_) => "invalid-patch-directive",
            Self::InvalidRootElementOperation => "invalid-root-element-operation",
            Self::InvalidXmlPrologOperation => "invalid-xml-prolog-operation",
            Self::InvalidWhitespaceDirective => "invalid-whitespace-directive",
            Self::UnlocatedNode => "unlocated-node",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAttributeValue(expected) => write!(f, "expected {expected}"),
            Self::InvalidNamespacePrefix(prefix) => {
                write!(f, "the prefix `{prefix}` cannot be used or removed")
            }
            Self::InvalidNamespaceUri(namespace) => {
                write!(f, "the namespace `{namespace}` is not declared there")
            }
            Self::InvalidNodeTypes => f.write_str("expected one node of the kind that is replaced"),
            Self::InvalidPatchDirective(expected) => write!(f, "expected {expected}"),
            Self::InvalidRootElementOperation => f.write_str("a document has one root element"),
            Self::InvalidXmlPrologOperation => f.write_str("no text stands outside the root element"),
            Self::InvalidWhitespaceDirective => f.write_str("expected whitespace beside what is removed"),
            Self::UnlocatedNode => f.write_str("expected a selector of one node"),
            Self::TooManyOperations => f.write_str("the patch has more operations than the limit"),
            Self::SelectorTooLong => f.write_str("the selector has more bytes than the limit"),
            Self::Document(error) => write!(f, "what would come out is refused: {error}"),
        }
    }
}

impl core::error::Error for Reason {}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}: {}", self.operation, self.reason)
    }
}

impl core::error::Error for PatchError {}
