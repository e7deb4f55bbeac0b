//! Classes of watchers: those of whom the same was decided share one decision, and one view.

use std::collections::HashMap;
use std::sync::Arc;

use documents::rules::SubHandling;
use sip::Aor;

use super::decision::Decision;
use super::view::{Composed, View};

/// The class of a watcher. Most presentities have no rules, and watchers who see everything: these cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class(Option<Arc<Decision>>);

impl Class {
    /// Who sees everything.
    pub(crate) const EVERYTHING: Self = Self(None);

    /// Who is shown an absent presentity.
    pub(crate) fn polite() -> Self {
        Self(Some(Arc::new(Decision::new(SubHandling::PoliteBlock))))
    }

    /// Tells it from other classes, in this process and the next of the same version: zero for who sees everything.
    pub(crate) fn fingerprint(&self) -> u64 {
        const START: u64 = 0xcbf2_9ce4_8422_2325;
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.0.as_ref().map_or(0, |decision| format!("{decision:?}").bytes().fold(START, fnv).max(1))
    }

    /// What becomes of its watchers' subscriptions.
    pub(crate) fn handling(&self) -> SubHandling {
        self.0.as_ref().map_or(SubHandling::Allow, |decision| decision.handling)
    }
}

/// The classes of the watchers of one presentity, and what each sees of the composed document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classes {
    views: HashMap<Arc<Decision>, Option<View>>,
}

impl Classes {
    /// The class of those of whom this is decided.
    pub(crate) fn of(&mut self, decision: &Arc<Decision>) -> Class {
        if decision.handling == SubHandling::Allow && decision.permissions.is_everything() {
            return Class::EVERYTHING;
        }
        if let Some((known, _)) = self.views.get_key_value(decision) {
            return Class(Some(Arc::clone(known)));
        }
        self.views.insert(Arc::clone(decision), None);
        Class(Some(Arc::clone(decision)))
    }

    /// What a class sees: filtered once, then shared.
    pub(crate) fn view(&mut self, presentity: &Aor, composed: &Composed, class: &Class) -> Option<View> {
        let Some(decision) = &class.0 else { return composed.view(presentity, &Decision::everything()) };
        if let Some(Some(view)) = self.views.get(decision) {
            return Some(view.clone());
        }
        let view = composed.view(presentity, decision)?;
        self.views.insert(Arc::clone(decision), Some(view.clone()));
        Some(view)
    }

    /// The composed document is another: nothing that was filtered counts any more. Classes without watchers go.
    pub(crate) fn renew(&mut self) {
        self.views.retain(|decision, view| {
            *view = None;
            Arc::strong_count(decision) > 1
        });
    }
}

#[cfg(test)]
mod tests {
    use documents::pidf;
    use documents::rules::Permissions;

    use super::*;

    #[test]
    fn a_class_has_one_view_until_the_document_is_another() {
        let alice = Aor::parse("sip:alice@example.com").expect("an address-of-record");
        let composed = Composed::new(&pidf::empty(alice.as_str()));
        let mut classes = Classes::default();
        let some =
            || Arc::new(Decision { handling: SubHandling::Allow, permissions: Permissions::default() });
        let (one, other) = (classes.of(&some()), classes.of(&some()));
        assert_eq!(one, other);
        let view = |classes: &mut Classes, class: &Class| {
            classes.view(&alice, &composed, class).map(|view| Arc::clone(view.content()))
        };
        let (first, second) = (view(&mut classes, &one), view(&mut classes, &other));
        assert!(Arc::ptr_eq(&first.expect("a view"), &second.expect("a view")));
        assert!(view(&mut classes, &Class::EVERYTHING).is_some());
        let blocked = classes.of(&Arc::new(Decision::new(SubHandling::Block)));
        assert_eq!((view(&mut classes, &blocked), blocked.handling()), (None, SubHandling::Block));
        drop((one, blocked));
        classes.renew();
        assert_eq!(classes.views.len(), 1, "the class of one watcher is left");
        drop(other);
        classes.renew();
        assert!(classes.views.is_empty());
    }
}
