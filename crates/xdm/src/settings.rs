//! What an operator decides about the document servers.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use sip::Aor;

use crate::limits::Limits;
use crate::usages::{Content, Declared};

/// The settings of the document servers. The default serves every domain as the IETF documents say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The domains whose users are served, in lower case; every domain if there is none. A telephone number has none and
    /// is served always.
    pub domains: Vec<Box<str>>,
    /// Which users there are.
    pub users: Users,
    /// Whose a list service is by the shape of its URI.
    pub services: Services,
    /// The names by which the service provider subscribes to changes: it reads everything.
    pub providers: BTreeSet<Aor>,
    /// The XCAP root URIs under which the server is reached, the one to be printed first, without a slash at the end.
    pub roots: Vec<Box<str>>,
    /// XCAP roots of other document servers, to which documents here may refer.
    pub others: Vec<Box<str>>,
    /// How much there may be.
    pub limits: Limits,
    /// What is refused although the IETF documents allow it.
    pub tightenings: Tightenings,
    /// What `org.openmobilealliance.pres-content` takes.
    pub content: Content,
    /// Usages of the operator's own.
    pub declared: Vec<Declared>,
}

/// Which users there are, RFC 4825 §8: a tree of a user that is not recognized is not there.
#[derive(Clone, Default)]
pub enum Users {
    /// Everybody in the domains.
    #[default]
    Everybody,
    /// Everybody in the domains; whom the function knows is a user for certain, so that no list service has his address.
    Certain(Arc<dyn Fn(&Aor) -> bool + Send + Sync>),
    /// Whom the function knows, and nobody else.
    Known(Arc<dyn Fn(&Aor) -> bool + Send + Sync>),
}

/// Says whose a URI in canonical form is.
pub type Shape = dyn Fn(&str) -> Option<Aor> + Send + Sync;

/// Whose a list service is by the shape of its URI alone, as the OMA's SERVICE-URI-TEMPLATE has it: nobody else has a
/// service of that URI.
#[derive(Clone, Default)]
pub enum Services {
    /// No shape says it.
    #[default]
    Shapeless,
    /// The function says it of URIs that are of the shape.
    Shaped(Arc<Shape>),
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shapeless => "Shapeless",
            Self::Shaped(_) => "Shaped(..)",
        })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everybody => "Everybody",
            Self::Certain(_) => "Certain(..)",
            Self::Known(_) => "Known(..)",
        })
    }
}

/// What is refused although the IETF documents allow it: off by default, on in the OMA profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tightenings {
    /// Every `list` of a resource list has a name. RFC 4826 §3.1 makes it optional, OMA mandatory.
    pub list_names: bool,
    /// No two entries of a list name one user. RFC 4826 §3.1 compares the texts of their URIs.
    pub one_entry_per_user: bool,
    /// An `external-list` of presence rules points to lists of the same user.
    pub own_external_lists: bool,
}

impl Tightenings {
    /// As the OMA enablers want it.
    pub const OMA: Self = Self { list_names: true, one_entry_per_user: true, own_external_lists: true };
}

impl Settings {
    /// Whether the user is one of ours.
    pub(crate) fn serves(&self, user: &Aor) -> bool {
        user.domain().is_none_or(|domain| self.serves_domain(domain))
            && (!matches!(self.users, Users::Known(_)) || self.is_listed(user))
    }

    /// The path of a URI below an XCAP root that documents may refer to, without its first slash.
    pub(crate) fn below_root<'u>(&self, uri: &'u str) -> Option<&'u str> {
        self.roots.iter().chain(&self.others).find_map(|root| uri.strip_prefix(&**root)?.strip_prefix('/'))
    }

    /// Whether a domain, in lower case, is one of ours.
    pub(crate) fn serves_domain(&self, domain: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|ours| **ours == *domain)
    }

    /// Whose the service of a canonical URI must be, if its shape says so.
    pub(crate) fn service_owner(&self, uri: &str) -> Option<Aor> {
        match &self.services {
            Services::Shapeless => None,
            Services::Shaped(owner) => owner(uri),
        }
    }

    /// Whether the user is one of those that are known by name.
    pub(crate) fn is_listed(&self, user: &Aor) -> bool {
        match &self.users {
            Users::Everybody => false,
            Users::Certain(knows) | Users::Known(knows) => knows(user),
        }
    }
}
