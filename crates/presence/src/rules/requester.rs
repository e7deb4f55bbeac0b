//! Who asks, and in what circumstances.

use std::collections::HashSet;
use std::sync::Arc;

use sip::Aor;

/// Who asks to see or to publish.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// All proven identities; any of them may match, RFC 5025 §3.1.1.2. None if the request is not authenticated.
    pub identities: &'a [Aor],
    /// The requester has asked that its identity be kept from the presentity, RFC 3323 §4.2 and RFC 3325 §9.3.
    pub anonymous: bool,
}

impl<'a> Requester<'a> {
    /// One who is known by these identities.
    pub const fn known(identities: &'a [Aor]) -> Self {
        Self { identities, anonymous: false }
    }

    /// Whether the presentity may not know who it is.
    pub const fn is_anonymous(&self) -> bool {
        self.anonymous || self.identities.is_empty()
    }
}

/// What rules depend on besides the requester.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// Milliseconds since 1970.
    pub now: i64,
    /// The sphere that all published documents agree on; `None` if none has one, or they differ. RFC 5025 §3.1.2.
    pub sphere: Option<&'a str>,
    /// Who is in the lists that rules refer to.
    pub lists: &'a dyn Lists,
}

/// Answers who is in which list.
pub trait Lists {
    /// Whether the list that an XCAP URI names, with all that it refers to, has the user; `None` if it cannot be known.
    fn holds(&self, anchor: &str, user: &Aor) -> Option<bool>;
}

/// Nobody knows any list.
impl Lists for () {
    fn holds(&self, _: &str, _: &Aor) -> Option<bool> {
        None
    }
}

/// The members of one version of one list, made once and shared. Asking takes the same time whatever the size.
#[derive(Clone, Debug, Default)]
pub struct Members(Arc<HashSet<Aor>>);

impl Members {
    /// Whether the user is one.
    pub fn holds(&self, user: &Aor) -> bool {
        self.0.contains(user)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Aor> for Members {
    fn from_iter<I: IntoIterator<Item = Aor>>(users: I) -> Self {
        Self(Arc::new(users.into_iter().collect()))
    }
}

/// The lists that are known, by the URIs that rules name them with.
impl Lists for std::collections::BTreeMap<String, Members> {
    fn holds(&self, anchor: &str, user: &Aor) -> Option<bool> {
        self.get(anchor).map(|members| members.holds(user))
    }
}
