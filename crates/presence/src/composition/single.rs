//! Policies that choose instead of merging.

use core::cmp::Reverse;
use core::slice;

use documents::pidf::{Builder, Component, Kind, PIDF, Part};

use super::Source;
use super::grouping::current;

/// The source that changed last.
pub(super) fn latest<'s, 'a>(sources: &'s [Source<'a>]) -> &'s [Source<'a>] {
    sources.iter().max_by_key(|source| source.age).map(slice::from_ref).unwrap_or_default()
}

/// The source whose best contact has the highest priority; of equal ones the latest.
pub(super) fn foremost<'s, 'a>(sources: &'s [Source<'a>]) -> &'s [Source<'a>] {
    let worth = |source: &&Source<'_>| {
        let components = source.outline.components.iter();
        (components.filter_map(priority).max(), source.age)
    };
    sources.iter().max_by_key(worth).map(slice::from_ref).unwrap_or_default()
}

/// The best tuple of all, and the person that changed last.
pub(super) fn tuple(builder: &mut Builder, sources: &[Source<'_>], now: i64) {
    for kind in [Kind::Tuple, Kind::Person] {
        let components = sources.iter().flat_map(|source| {
            source
                .outline
                .components
                .iter()
                .enumerate()
                .map(move |(place, component)| (source, place, component))
        });
        let best = components.filter(|(_, _, component)| component.kind == kind).max_by_key(
            |(source, place, component)| {
                (is_open(component), priority(component), source.age, Reverse(*place))
            },
        );
        let Some((source, place, component)) = best else { continue };
        let Some(element) = source.document.elements().nth(place) else { continue };
        if component.children.iter().all(|child| child.timing.holds(now)) {
            builder.element(&element, None);
            continue;
        }
        let bytes = source.document.bytes();
        let parts: Vec<Part<'_>> = current(component, now)
            .map(|child| Part { owner: element, bytes: bytes[child.span.range()].into() })
            .collect();
        builder.assemble(&element, &bytes[component.start.range()], &parts, None);
    }
}

fn is_open(component: &Component) -> bool {
    let status = component.child(PIDF, "status");
    status.is_some_and(|status| {
        status.children.iter().any(|child| child.is(PIDF, "basic") && *child.text == *"open")
    })
}

fn priority(component: &Component) -> Option<u16> {
    component.children.iter().find(|child| child.is_contact())?.priority
}
