//! The difference between two documents as patch operations.

use super::apply::{Limits, apply};
use super::children::Children;
use super::operation::{Action, Operation};
use crate::node::{Element, Node};
use crate::start_tag::StartTag;
use crate::tree::{Kind, Tree};

/// Deeper than this, an element is replaced as a whole.
const DEEPEST: usize = 64;

/// Operations that make the bytes of `old` those of `new`: [`apply`] within the same limits gives `new` byte for byte,
/// which is made sure of. None if that cannot be said in operations, so that the new document is to be fetched: what
/// stands outside the root element differs, or a limit is exceeded. No operation if the documents are equal.
///
/// Correct first, small second: attributes, text and children are told one by one where that gives the same bytes; a
/// larger element is replaced where it does not, or where that is shorter. Selectors are positions, which hold for just
/// this version of the document. Time is that of applying the operations, and of aligning the children of elements,
/// which is bounded.
pub fn diff(old: &Tree<'_>, new: &Tree<'_>, limits: &Limits) -> Option<Vec<Operation>> {
    let outside = |tree: &Tree<'_>| {
        let root = tree.root().node().span().range();
        (root.start, root.end)
    };
    let ((old_start, old_end), (new_start, new_end)) = (outside(old), outside(new));
    let same_outside =
        old.text()[..old_start] == new.text()[..new_start] && old.text()[old_end..] == new.text()[new_end..];
    if !same_outside {
        return None;
    }
    let mut small = Difference { operations: Vec::new(), most: limits.operations };
    small.element(old.root(), new.root(), "*", 1);
    let whole = vec![replaced(new.root().node(), "*".to_owned())];
    let is_small = small.operations.len() <= limits.operations && cost(&small.operations) <= cost(&whole);
    let yields =
        |operations: &[Operation]| apply(old.bytes(), operations, limits).is_ok_and(|got| got == new.bytes());
    if is_small && yields(&small.operations) {
        return Some(small.operations);
    }
    yields(&whole).then_some(whole)
}

/// About how many bytes it takes to send them.
fn cost(operations: &[Operation]) -> usize {
    const MARKUP: usize = 40;
    operations
        .iter()
        .map(|operation| {
            let scope: usize =
                operation.scope.iter().map(|(prefix, namespace)| prefix.len() + namespace.len() + 10).sum();
            MARKUP + operation.selector.len() + operation.content.len() + scope
        })
        .sum()
}

/// What was found so far, in the order in which it is to be applied.
pub(crate) struct Difference {
    pub(crate) operations: Vec<Operation>,
    /// With more it is of no use.
    most: usize,
}

impl Difference {
    /// Two elements, of which the old one is at `path`: their tags, then their children.
    pub(crate) fn element(&mut self, old: Element<'_>, new: Element<'_>, path: &str, depth: usize) {
        if old.node().source() == new.node().source() || self.operations.len() > self.most {
            return;
        }
        let Some(tags) = tags(old, new, path).filter(|_| depth < DEEPEST && is_same_end(old, new)) else {
            self.operations.push(replaced(new.node(), path.to_owned()));
            return;
        };
        let (last, first): (Vec<_>, Vec<_>) = tags.into_iter().partition(|operation| {
            matches!(operation.action, Action::Remove(_)) && operation.selector.contains("/namespace::")
        });
        self.operations.extend(first);
        Children::new(old.node(), path).compare(&Children::new(new.node(), path), self, depth);
        self.operations.extend(last);
    }
}

/// The operation that puts a new node in the place of the one that is located.
pub(crate) fn replaced(new: Node<'_>, selector: String) -> Operation {
    let scope = needed([new]);
    Operation { action: Action::Replace, selector, content: new.source().to_owned(), scope }
}

/// What the prefixes mean that these nodes use and do not declare themselves.
pub(crate) fn needed<'t>(nodes: impl IntoIterator<Item = Node<'t>>) -> Vec<(String, String)> {
    let mut scope: Vec<(String, String)> = Vec::new();
    for top in nodes {
        for element in top.descendants().filter_map(Node::element) {
            let of_attributes = element.attributes().map(|attribute| attribute.name.prefix);
            let of_attributes = of_attributes.filter(|prefix| !prefix.is_empty());
            for prefix in [element.name().prefix].into_iter().chain(of_attributes) {
                let inner = element.ancestors().take_while(|ancestor| ancestor.node().index() >= top.index());
                let is_own = inner.flat_map(Element::declarations).any(|found| found.prefix == prefix);
                if prefix == "xml" || is_own || scope.iter().any(|(known, _)| known == prefix) {
                    continue;
                }
                let namespace = element.namespace(prefix).unwrap_or_default();
                scope.push((prefix.to_owned(), namespace.to_string()));
            }
        }
    }
    scope
}

/// Whether the end tags are as they will be when the children are: the same, or those of an element that was empty.
fn is_same_end(old: Element<'_>, new: Element<'_>) -> bool {
    let end = |element: Element<'_>| {
        let text = element.node().tree().text();
        text[element.content().range().end..element.node().span().range().end].to_owned()
    };
    match (old.is_empty_tag(), new.is_empty_tag()) {
        (true, false) => !new.content().is_empty() && end(new) == format!("</{}>", new.name().written()),
        (true, true) => true,
        (false, false) => end(old) == end(new),
        (false, true) => false,
    }
}

/// What changes the old start tag into the new one, byte for byte; none if nothing does.
fn tags(old: Element<'_>, new: Element<'_>, path: &str) -> Option<Vec<Operation>> {
    let (old_tag, new_tag) = (source(old), source(new));
    let (old_pairs, new_pairs) = (StartTag::new(old_tag), StartTag::new(new_tag));
    if old.name().written() != new.name().written() {
        return None;
    }
    let mut operations = Vec::new();
    let mut at = old_pairs.name().range().end;
    let mut written = old_tag[..at].to_vec();
    for pair in old_pairs.pairs() {
        let (name, value) = (&old_tag[pair.name.range()], &old_tag[pair.value.range()]);
        let (start, end) = (at, pair.value.range().end + 1);
        at = end;
        let Some(found) = new_pairs.pairs().find(|found| &new_tag[found.name.range()] == name) else {
            operations.push(of_pair(name, old, path, Change::Removed)?);
            continue;
        };
        let new_value = &new_tag[found.value.range()];
        written.extend_from_slice(&old_tag[start..pair.value.range().start]);
        written.extend_from_slice(new_value);
        let quote = old_tag[end - 1];
        written.push(quote);
        if new_value != value {
            let value = content(new_value, quote)?;
            operations.push(of_pair(name, old, path, Change::Replaced(value))?);
        }
    }
    for pair in new_pairs.pairs() {
        let (name, value) = (&new_tag[pair.name.range()], &new_tag[pair.value.range()]);
        if old_pairs.pairs().any(|found| &old_tag[found.name.range()] == name) {
            continue;
        }
        written.extend_from_slice(&[b" ", name, b"=\"", value, b"\""].concat());
        operations.push(of_pair(name, new, path, Change::Added(content(value, b'"')?))?);
    }
    let tail = &old_tag[at..];
    let opened = old.is_empty_tag() && !new.is_empty_tag();
    written.extend_from_slice(if opened { &tail[..tail.len() - 2] } else { tail });
    if opened {
        written.push(b'>');
    }
    (written == new_tag).then_some(operations)
}

/// The start tag as it is written.
fn source(element: Element<'_>) -> &[u8] {
    &element.node().tree().bytes()[element.tag().range()]
}

/// A value as content of an operation that gives these bytes between such quotes; none if none does.
fn content(value: &[u8], quote: u8) -> Option<String> {
    let text = str::from_utf8(value).ok()?;
    let is_kept = !text.contains("]]>")
        && value.iter().all(|&byte| byte != quote && !matches!(byte, b'\t' | b'\n' | b'\r'));
    is_kept.then(|| text.to_owned())
}

enum Change {
    Added(String),
    Replaced(String),
    Removed,
}

/// The operation on an attribute or declaration; none for the default namespace, which no operation changes.
fn of_pair(name: &[u8], element: Element<'_>, path: &str, change: Change) -> Option<Operation> {
    let name = str::from_utf8(name).ok()?;
    if name == "xmlns" {
        return None;
    }
    let declared = name.strip_prefix("xmlns:");
    let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
    let mut scope = Vec::new();
    if declared.is_none() && !prefix.is_empty() && prefix != "xml" {
        scope.push((prefix.to_owned(), element.namespace(prefix)?.to_string()));
    }
    let selector = match (&change, declared) {
        (Change::Added(_), _) => path.to_owned(),
        (_, Some(declared)) => format!("{path}/namespace::{declared}"),
        (_, None) => format!("{path}/@{name}"),
    };
    let (action, content) = match change {
        Change::Added(content) => match declared {
            Some(declared) => (Action::AddNamespace(declared.to_owned()), content),
            None => (Action::AddAttribute(name.to_owned()), content),
        },
        Change::Replaced(content) => (Action::Replace, content),
        Change::Removed => (Action::Remove(super::operation::Whitespace::Stays), String::new()),
    };
    Some(Operation { action, selector, content, scope })
}

/// Whether a node is something else than text.
pub(crate) fn is_solid(node: &Node<'_>) -> bool {
    !matches!(node.kind(), Kind::Text | Kind::CData)
}
