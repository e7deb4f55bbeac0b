//! A path and a query as a request URI: what is read is printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xcap::{Limits, NodeSelector, Reference};

fuzz_target!(|text: &str| {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let limits = Limits::default();
    let Ok(reference) = Reference::split(path, query, &limits) else { return };
    assert!(!reference.auid.is_empty());
    let Some(node) = reference.node else { return };
    let Ok(selector) = NodeSelector::parse(node, reference.query, "urn:d", &limits) else { return };
    let uri = selector.to_uri();
    let (node, query) = match uri.split_once('?') {
        Some((node, query)) => (node, Some(query)),
        None => (&*uri, None),
    };
    let longer = Limits { path: usize::MAX, query: usize::MAX, ..limits };
    assert_eq!(NodeSelector::parse(node, query, "urn:d", &longer), Ok(selector));
});
