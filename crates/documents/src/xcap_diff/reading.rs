//! Reading a diff document.

use xml::patch::Operation;
use xml::schema::{Invalid, Violation};
use xml::{Element, Limits, Tree};

use super::{Change, Content, DocumentChange, Found, Fragment, NAMESPACE, XcapDiff, check};

impl XcapDiff {
    /// Reads a document that follows its grammar. Elements of other namespaces are passed over (RFC 5874 §3).
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Invalid> {
        check(bytes, limits)?;
        let tree = Tree::read(bytes, limits)?;
        let ours = tree.root().elements().filter(|change| change.name().namespace == *NAMESPACE);
        let changes: Result<_, Invalid> = ours.map(change).collect();
        Ok(Self { xcap_root: value(tree.root(), "xcap-root").unwrap_or_default(), changes: changes? })
    }
}

fn change(element: Element<'_>) -> Result<Change, Invalid> {
    let selector = value(element, "sel").unwrap_or_default();
    let exists = value(element, "exists");
    let exists = !exists.is_some_and(|exists| matches!(exists.trim(), "false" | "0"));
    Ok(match element.name().local {
        "element" => {
            let found = match element.elements().next() {
                _ if !exists => Found::Missing,
                None => Found::Untold,
                Some(shown) => {
                    Found::Shown(Fragment { text: shown.node().source().to_owned(), scope: scope(element) })
                }
            };
            Change::Element { selector, found }
        }
        "attribute" => {
            let value = exists.then(|| element.node().string_value().into_owned());
            Change::Attribute { selector, value }
        }
        _ => Change::Document(DocumentChange {
            selector,
            previous: value(element, "previous-etag"),
            current: value(element, "new-etag"),
            content: content(element)?,
        }),
    })
}

fn content(document: Element<'_>) -> Result<Content, Invalid> {
    let mut operations = Vec::new();
    for child in document.elements().filter(|child| child.name().namespace == *NAMESPACE) {
        if child.name().local == "body-not-changed" {
            return Ok(Content::BodyNotChanged);
        }
        let operation = Operation::read(child).and_then(|operation| {
            operation.check_selector()?;
            Ok(operation)
        });
        let operation = operation.map_err(|reason| Violation {
            offset: child.tag().start as usize,
            expected: format!("an operation of RFC 5261: {reason}"),
        })?;
        operations.push(operation);
    }
    Ok(if operations.is_empty() { Content::Untold } else { Content::Patch(operations) })
}

fn scope(element: Element<'_>) -> Vec<(String, String)> {
    let scope = element.scope().into_iter();
    scope.map(|found| (found.prefix.to_owned(), found.namespace.to_string())).collect()
}

fn value(element: Element<'_>, name: &str) -> Option<String> {
    element.attribute("", name).map(|attribute| attribute.value.text().into_owned())
}
