//! What a rules document says.

use xml::Limits;

use super::permissions::Permissions;
use super::reading;
use crate::error::DocumentError;

/// A rules document, RFC 4745 §6. The order of its rules means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In document order.
    pub rules: Vec<Rule>,
}

impl Ruleset {
    /// Reads a document in time linear in its bytes, which `limits` bound.
    ///
    /// Refused is what is no `ruleset`, and what our formats forbid: a rule without an `id` or with one that another
    /// has, a value that its type does not allow, a validity without its pairs, a condition without its attribute.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, DocumentError> {
        reading::ruleset(bytes, limits)
    }
}

/// One rule: if all conditions are true, then what it grants is granted, RFC 4745 §6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name in the document.
    pub id: String,
    /// All must be true; none means that the rule is for every request, RFC 4745 §7.
    pub conditions: Vec<Condition>,
    /// What becomes of a subscription, RFC 5025 §3.2.1.
    pub handling: Option<SubHandling>,
    /// Whether publications are taken: `pub-handling` of the OMA.
    pub publish: Option<bool>,
    /// Whether the permanent presence state may be handled: `perm-handling` of the OMA.
    pub permanent: Option<bool>,
    /// What a watcher is shown.
    pub shown: Permissions,
    /// What a source may publish.
    pub published: Permissions,
    /// Whether there is any transformation that we know.
    pub transforms: bool,
}

/// What must be true of a request, or of the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Who asks, RFC 4745 §7.1.
    Identity(Identity),
    /// The presentity is in one of these spheres, RFC 4745 §7.3; compared in any case.
    Sphere(Vec<String>),
    /// It is within one of these periods, RFC 4745 §7.4.
    Validity(Vec<Period>),
    /// The requester does not show its identity: `anonymous-request` of the OMA.
    AnonymousRequest,
    /// The requester is in one of the lists that these XCAP URIs name: `external-list` of the OMA.
    ExternalList(Vec<String>),
    /// No rule with another of these conditions matches the requester: `other-identity` of the OMA.
    OtherIdentity,
    /// One that we do not know, so it is false, RFC 4745 §7.
    Unknown,
}

/// True if the requester is one of these, RFC 4745 §7.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// URIs of single users, as written, RFC 4745 §7.1.2.
    pub one: Vec<String>,
    /// Whole groups, RFC 4745 §7.1.3.
    pub many: Vec<Many>,
}

/// Every user, or every user of a domain, but for some, RFC 4745 §7.1.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Many {
    /// The domain; every domain if absent.
    pub domain: Option<String>,
    /// Who is not meant.
    pub except: Vec<Except>,
}

/// Who is not meant, RFC 4745 §7.1.3.2. Without either it means nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Except {
    /// The URI of a user.
    pub id: Option<String>,
    /// All users of a domain.
    pub domain: Option<String>,
}

/// A span of time in milliseconds since 1970, the end not included, RFC 4745 §7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// The first instant.
    pub from: i64,
    /// The first instant after it.
    pub until: i64,
}

/// What becomes of a subscription, from the least to the most, RFC 5025 §3.2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubHandling {
    /// It is refused.
    #[default]
    Block,
    /// It waits until the presentity has decided.
    Confirm,
    /// It is taken, and shown a presentity who is not available.
    PoliteBlock,
    /// It is taken, and shown what may be shown.
    Allow,
}

impl SubHandling {
    /// As a document says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Confirm => "confirm",
            Self::PoliteBlock => "polite-block",
            Self::Allow => "allow",
        }
    }

    /// From what a document says.
    pub fn read(text: &str) -> Option<Self> {
        [Self::Block, Self::Confirm, Self::PoliteBlock, Self::Allow]
            .into_iter()
            .find(|handling| handling.as_str() == text)
    }
}

impl core::fmt::Display for SubHandling {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}
