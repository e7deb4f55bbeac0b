//! Why a document is not taken: where, and what would have been.

use core::fmt;

/// A refusal of a document: at which byte, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset in bytes of what was refused.
    pub offset: usize,
    /// What was expected there, or which rule or limit was broken.
    pub kind: ErrorKind,
}

/// What was expected, or which rule or limit was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else must stand here, XML 1.0 §2 and §3.
    Expected(&'static str),
    /// `<!DOCTYPE`: document type declarations are refused whole.
    DocumentType,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The XML declaration names an encoding other than UTF-8.
    OtherEncoding,
    /// A character that XML does not allow, XML 1.0 §2.2.
    Character,
    /// A character reference to a character that XML does not allow, XML 1.0 §4.1.
    CharacterReference,
    /// An entity other than `amp`, `lt`, `gt`, `apos` and `quot`, XML 1.0 §4.1.
    UnknownEntity,
    /// The end tag is not that of the element that is open, XML 1.0 §3.
    EndTag,
    /// An element after the end of the root element, XML 1.0 §2.1.
    SecondRoot,
    /// Two attributes with one expanded name, or two declarations of one prefix, Namespaces in XML 1.0 §6.3.
    DuplicateAttribute,
    /// A prefix without a declaration in scope, Namespaces in XML 1.0 §5.
    UndeclaredPrefix,
    /// A declaration of or for `xml` or `xmlns`, or of a prefix as nothing, Namespaces in XML 1.0 §2.2 and §3.
    Declaration,
    /// More bytes than [`Limits::bytes`](crate::Limits::bytes).
    TooManyBytes,
    /// Deeper than [`Limits::depth`](crate::Limits::depth).
    TooDeep,
    /// More than [`Limits::attributes`](crate::Limits::attributes) on one element.
    TooManyAttributes,
    /// More than [`Limits::nodes`](crate::Limits::nodes).
    TooManyNodes,
    /// More than [`Limits::declarations`](crate::Limits::declarations) in scope.
    TooManyDeclarations,
}

impl Error {
    pub(crate) const fn new(offset: usize, kind: ErrorKind) -> Self {
        Self { offset, kind }
    }

    /// Whether a limit was exceeded; otherwise the document itself is at fault, whatever the limits.
    pub const fn is_limit(&self) -> bool {
        match self.kind {
            ErrorKind::TooManyBytes
            | ErrorKind::TooDeep
            | ErrorKind::TooManyAttributes
            | ErrorKind::TooManyNodes
            | ErrorKind::TooManyDeclarations => true,
            ErrorKind::Expected(_)
            | ErrorKind::DocumentType
            | ErrorKind::NotUtf8
            | ErrorKind::OtherEncoding
            | ErrorKind::Character
            | ErrorKind::CharacterReference
            | ErrorKind::UnknownEntity
            | ErrorKind::EndTag
            | ErrorKind::SecondRoot
            | ErrorKind::DuplicateAttribute
            | ErrorKind::UndeclaredPrefix
            | ErrorKind::Declaration => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::DocumentType => "a document type declaration is not accepted",
            Self::NotUtf8 => "expected UTF-8",
            Self::OtherEncoding => "only the encoding UTF-8 is accepted",
            Self::Character => "expected a character that XML 1.0 §2.2 allows",
            Self::CharacterReference => "expected a reference to a character that XML 1.0 §2.2 allows",
            Self::UnknownEntity => {
                "expected `&amp;`, `&lt;`, `&gt;`, `&apos;`, `&quot;` or a character reference"
            }
            Self::EndTag => "expected the end tag of the element that is open (XML 1.0 §3)",
            Self::SecondRoot => "expected no element after the root element (XML 1.0 §2.1)",
            Self::DuplicateAttribute => "expected each attribute once (Namespaces in XML 1.0 §6.3)",
            Self::UndeclaredPrefix => "expected a prefix that is declared (Namespaces in XML 1.0 §5)",
            Self::Declaration => "expected a declaration that Namespaces in XML 1.0 §3 allows",
            Self::TooManyBytes => "the document has more bytes than the limit",
            Self::TooDeep => "elements are nested deeper than the limit",
            Self::TooManyAttributes => "an element has more attributes than the limit",
            Self::TooManyNodes => "the document has more nodes than the limit",
            Self::TooManyDeclarations => "more namespace declarations are in scope than the limit",
        };
        f.write_str(words)
    }
}

impl core::error::Error for Error {}
