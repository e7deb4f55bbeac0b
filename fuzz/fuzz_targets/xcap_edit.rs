//! A document, a node selector and a body: GET gives what was PUT, and nothing after DELETE.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xcap::{NodeSelector, Terminal, delete, get, put};
use xml::Tree;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |&byte| byte == 0);
    let (Some(document), Some(uri), Some(body)) = (parts.next(), parts.next(), parts.next()) else { return };
    let Ok(uri) = str::from_utf8(uri) else { return };
    let (node, query) = match uri.split_once('?') {
        Some((node, query)) => (node, Some(query)),
        None => (uri, None),
    };
    let limits = xml::Limits::default();
    let Ok(tree) = Tree::read(document, &limits) else { return };
    let Ok(selector) = NodeSelector::parse(node, query, "urn:d", &xcap::Limits::default()) else { return };
    let before = get(&tree, &selector);
    if let Ok(edit) = put(&tree, &selector, body, &limits) {
        let new = Tree::read(&edit.document, &xml::Limits::NONE).expect("an edit leaves a document");
        let got = get(&new, &selector).expect("it was put");
        match selector.terminal() {
            Terminal::Element => assert_eq!(got.as_bytes(), body.trim_ascii()),
            Terminal::Attribute(_) | Terminal::Namespaces => assert_eq!(got.as_bytes(), body),
        }
        assert_eq!(edit.created, before.is_none());
        assert_eq!(put(&new, &selector, body, &limits).expect("again").document, edit.document);
    }
    if let Ok(left) = delete(&tree, &selector) {
        let new = Tree::read(&left, &xml::Limits::NONE).expect("an edit leaves a document");
        assert!(before.is_some() && get(&new, &selector).is_none());
    }
});
