//! Any bytes as a document: the tree says what the scanner says, and every span is within its parent's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xml::{Kind, Limits, Scanner, Token, Tree, equivalent};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let tree = Tree::read(bytes, &limits);
    let scanned = Scanner::new(bytes, &limits).and_then(|mut scanner| {
        let mut nodes = 1;
        while let Some(token) = scanner.pull()? {
            nodes += usize::from(!matches!(token, Token::End(_)));
        }
        Ok(nodes)
    });
    let Ok(tree) = tree else {
        assert!(scanned.is_err());
        return;
    };
    assert_eq!(scanned, Ok(tree.len()));
    assert!(equivalent(tree.document(), tree.document()));
    for node in tree.document().descendants().skip(1) {
        let (span, parent) = (node.span(), node.parent().expect("only the document has none"));
        let within = parent.element().map_or(parent.span(), |element| element.content());
        assert!(within.start <= span.start && span.end <= within.end);
        assert_eq!(node.value().is_some(), matches!(node.kind(), Kind::Text | Kind::CData));
        let Some(element) = node.element() else { continue };
        assert_eq!(element.namespace(element.name().prefix), Some(element.name().namespace));
        for attribute in element.attributes() {
            let without = tree.splice(element.with_space_before(attribute.span), &[]);
            assert!(Tree::read(&without, &limits).is_ok());
        }
        let more = element.append(b"x");
        assert!(Tree::read(&more, &Limits::NONE).is_ok());
    }
});
