//! Who may do what, RFC 4825 §5.7.

use documents::rules::SubHandling;
use xcap::Tree;

use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::request::Standing;
use crate::usage::{Right, Usage};

/// What is to be done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Read,
    Write,
}

/// Lets the principal do it, or says 401 to whom nobody knows and 403 to everybody else.
pub(crate) fn authorize(principal: &Principal, deed: Deed, right: Right, tree: &Tree) -> Result<(), Refusal> {
    let allowed = match principal {
        Principal::Provider => true,
        Principal::Element => deed == Deed::Read,
        Principal::Anonymous => return Err(Refusal::Unauthenticated),
        Principal::User(_) => match (right, tree) {
            (Right::Authenticated, _) => true,
            (Right::Owner | Right::Watcher | Right::Handler, Tree::User(xui)) => principal.is(xui),
            (Right::Owner | Right::Watcher | Right::Handler, Tree::Global) => false,
            (Right::Provider | Right::Trusted, _) => false,
        },
    };
    if allowed { Ok(()) } else { Err(Refusal::Forbidden) }
}

/// Lets somebody else do it whom the rules of the owner let, and who may not otherwise. Who is politely blocked finds
/// nothing, as a watcher does.
pub(crate) fn by_rules(
    standing: Option<&Standing>,
    right: Right,
    usage: &dyn Usage,
    name: &str,
) -> Result<(), Refusal> {
    let Some(standing) = standing else { return Err(Refusal::Forbidden) };
    match (right, standing.handling) {
        (Right::Watcher, SubHandling::Allow) if usage.is_shown(name, &standing.shown) => Ok(()),
        (Right::Watcher, SubHandling::PoliteBlock) => Err(Refusal::NoDocument),
        (Right::Handler, _) if standing.permanent => Ok(()),
        (Right::Watcher | Right::Handler, _) => Err(Refusal::Forbidden),
        (Right::Provider | Right::Trusted | Right::Owner | Right::Authenticated, _) => {
            Err(Refusal::Forbidden)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::Aor;

    #[test]
    fn each_principal_may_do_what_the_right_says() {
        let alice = Principal::user(Aor::parse("sip:alice@example.com").unwrap());
        let bob = Principal::user(Aor::parse("sip:bob@example.com").unwrap());
        let hers = Tree::User("sip:alice@example.com".into());
        let may = |principal: &Principal, deed, right, tree: &Tree| authorize(principal, deed, right, tree);
        for deed in [Deed::Read, Deed::Write] {
            assert_eq!(may(&alice, deed, Right::Owner, &hers), Ok(()));
            assert_eq!(may(&bob, deed, Right::Owner, &hers), Err(Refusal::Forbidden));
            assert_eq!(may(&bob, deed, Right::Authenticated, &hers), Ok(()));
            assert_eq!(may(&alice, deed, Right::Provider, &hers), Err(Refusal::Forbidden));
            assert_eq!(may(&alice, deed, Right::Trusted, &Tree::Global), Err(Refusal::Forbidden));
            assert_eq!(may(&alice, deed, Right::Owner, &Tree::Global), Err(Refusal::Forbidden));
            assert_eq!(may(&Principal::Provider, deed, Right::Provider, &hers), Ok(()));
            assert_eq!(
                may(&Principal::Anonymous, deed, Right::Authenticated, &hers),
                Err(Refusal::Unauthenticated)
            );
        }
        assert_eq!(may(&Principal::Element, Deed::Read, Right::Owner, &hers), Ok(()));
        assert_eq!(
            may(&Principal::Element, Deed::Write, Right::Authenticated, &hers),
            Err(Refusal::Forbidden)
        );
    }
}
