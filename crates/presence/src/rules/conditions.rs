//! Conditions made ready to be asked often: URIs as users, domains in their one form.

use documents::rules::{self, Condition, Identity, Period};
use sip::{Aor, Uri};

use super::domain;
use super::requester::{Circumstances, Requester};

/// What a condition says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    /// It depends on a list that cannot be read.
    Unknown,
    True,
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

/// A condition, but for `other-identity`, which depends on the other rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Identity { one: Users, many: Vec<Group> },
    Sphere(Vec<String>),
    Validity(Vec<Period>),
    Anonymous,
    Lists(Vec<String>),
    Never,
}

impl Check {
    /// `None` for `other-identity`.
    pub(super) fn of(condition: Condition) -> Option<Self> {
        Some(match condition {
            Condition::Identity(Identity { one, many }) => Self::Identity {
                one: Users::of(one.iter().map(String::as_str)),
                many: many.into_iter().filter_map(Group::of).collect(),
            },
            Condition::Sphere(tokens) => Self::Sphere(tokens),
            Condition::Validity(periods) => Self::Validity(periods),
            Condition::AnonymousRequest => Self::Anonymous,
            Condition::ExternalList(anchors) => Self::Lists(anchors),
            Condition::OtherIdentity => return None,
            Condition::Unknown => Self::Never,
        })
    }

    /// Whether it is true now, of this requester.
    pub(super) fn holds(&self, requester: &Requester<'_>, when: &Circumstances<'_>) -> Truth {
        let identities = requester.identities;
        match self {
            Self::Identity { one, many } => {
                (one.have_any(identities) || many.iter().any(|group| group.has(identities))).into()
            }
            Self::Sphere(tokens) => when
                .sphere
                .is_some_and(|sphere| tokens.iter().any(|token| same_in_any_case(token, sphere)))
                .into(),
            Self::Validity(periods) => {
                periods.iter().any(|period| period.from <= when.now && when.now < period.until).into()
            }
            Self::Anonymous => requester.is_anonymous().into(),
            Self::Lists(anchors) => anchors
                .iter()
                .flat_map(|anchor| identities.iter().map(move |user| when.lists.holds(anchor, user)))
                .map(|answer| answer.map_or(Truth::Unknown, Truth::from))
                .max()
                .unwrap_or(Truth::False),
            Self::Never => Truth::False,
        }
    }

    /// In words, for who asks why a rule did not match.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Identity { .. } => "identity",
            Self::Sphere(_) => "sphere",
            Self::Validity(_) => "validity",
            Self::Anonymous => "anonymous-request",
            Self::Lists(_) => "external-list",
            Self::Never => "a condition that we do not know",
        }
    }
}

/// RFC 4745 §7.3
fn same_in_any_case(one: &str, other: &str) -> bool {
    one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

/// Users, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Users(Box<[Aor]>);

impl Users {
    fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let mut users: Vec<Aor> = ids.filter_map(user).collect();
        users.sort_unstable();
        users.dedup();
        Self(users.into())
    }

    fn have_any(&self, identities: &[Aor]) -> bool {
        identities.iter().any(|identity| self.0.binary_search(identity).is_ok())
    }
}

/// `many`, with those that it leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    domain: Option<String>,
    except: Users,
    except_domains: Vec<String>,
}

impl Group {
    /// `None` if it cannot mean anybody.
    fn of(many: rules::Many) -> Option<Self> {
        let domain = match many.domain {
            Some(written) => Some(domain::canonical(&written)?),
            None => None,
        };
        let except = &many.except;
        let mut except_domains: Vec<String> =
            except.iter().filter_map(|except| except.domain.as_deref().and_then(domain::canonical)).collect();
        except_domains.sort_unstable();
        Some(Self {
            domain,
            except: Users::of(except.iter().filter_map(|except| except.id.as_deref())),
            except_domains,
        })
    }

    /// One identity in it is enough, and one exception too, RFC 5025 §3.1.1.2.
    fn has(&self, identities: &[Aor]) -> bool {
        let is_meant = |user: &Aor| self.domain.is_none() || user.domain() == self.domain.as_deref();
        let is_left_out = |user: &Aor| {
            user.domain().is_some_and(|domain| {
                self.except_domains.binary_search_by(|except| except.as_str().cmp(domain)).is_ok()
            })
        };
        identities.iter().any(is_meant)
            && !self.except.have_any(identities)
            && !identities.iter().any(is_left_out)
    }
}

/// The user that a rule's URI names. A sips URI names the same user as the sip URI (RFC 3261 §19.1.1); other schemes never
/// do (RFC 5025 §3.1.1.2), and only users of sip and tel can ask.
fn user(id: &str) -> Option<Aor> {
    match Uri::parse(id.trim()).ok()? {
        uri @ (Uri::Sip(_) | Uri::Tel(_)) => Aor::of(&uri),
        Uri::Pres(_) | Uri::Im(_) | Uri::Other { .. } => None,
    }
}
