//! Node selectors: reading them from a request URI, RFC 4825 §6.3.

use std::sync::Arc;

use crate::error::UriError;
use crate::limits::Limits;
use crate::media;
use crate::name::ExpandedName;
use crate::percent;
use crate::pointer::Bindings;

/// Names a part of a document. Its names are expanded: it means the same wherever it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSelector {
    /// From the root element down, at least one.
    pub(crate) steps: Vec<Step>,
    pub(crate) terminal: Terminal,
    /// The namespace of element names that are printed without a prefix.
    pub(crate) default_namespace: Arc<str>,
}

/// Chooses one element among the children of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name that it must have; none for `*`.
    pub name: Option<ExpandedName>,
    /// Its place among those of that name, from 1; no element is at 0.
    pub position: Option<usize>,
    /// An attribute that it must have; tested after the position.
    pub attribute: Option<AttributeTest>,
}

/// `[@name="value"]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeTest {
    /// Which attribute.
    pub name: ExpandedName,
    /// Its value, as meant.
    pub value: String,
}

/// What of the chosen element is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// The element itself.
    Element,
    /// Its attribute of that name.
    Attribute(ExpandedName),
    /// The namespace bindings in its scope.
    Namespaces,
}

impl NodeSelector {
    /// Reads a node selector and its query, both as they are sent (percent-encoded), with the namespace that the
    /// application usage gives to element names without a prefix (empty for none). The whole grammar of RFC 4825 §6.3;
    /// each step stands between slashes before it is decoded. Linear in the bytes.
    pub fn parse(
        node: &str,
        query: Option<&str>,
        default_namespace: &str,
        limits: &Limits,
    ) -> Result<Self, UriError> {
        if node.len() > limits.path {
            return Err(UriError::PathTooLong { most: limits.path });
        }
        let bindings = Bindings::read(query, limits)?;
        let default_namespace: Arc<str> = default_namespace.into();
        let mut selector = Self { steps: Vec::new(), terminal: Terminal::Element, default_namespace };
        let mut at = 0;
        loop {
            if selector.steps.len() >= limits.steps {
                return Err(UriError::TooManySteps { most: limits.steps });
            }
            let end = node[at..].find('/').map_or(node.len(), |length| at + length);
            let is_last = end == node.len();
            let text = percent::decode(&node[at..end], at)?;
            if text.is_empty() {
                return Err(UriError::EmptyStep);
            }
            if is_last
                && !selector.steps.is_empty()
                && let Some(terminal) = Terminal::read(&text, &bindings)?
            {
                selector.terminal = terminal;
                return Ok(selector);
            }
            let step = Step::read(&text, &bindings, &selector.default_namespace)?;
            selector.steps.push(step.ok_or_else(|| UriError::Extension(text.into_owned()))?);
            if is_last {
                return Ok(selector);
            }
            at = end + 1;
        }
    }

    /// The steps from the root element down; at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What of the chosen element is meant.
    pub fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// The media type of what it selects: GET answers with it, and PUT must come with it.
    pub fn media_type(&self) -> &'static str {
        match self.terminal {
            Terminal::Element => media::ELEMENT,
            Terminal::Attribute(_) => media::ATTRIBUTE,
            Terminal::Namespaces => media::NAMESPACES,
        }
    }

    /// The selector of one element of a document, by names, with positions where names do not suffice.
    pub fn of_element(element: xml::Element<'_>, default_namespace: &str) -> Self {
        let mut steps: Vec<Step> = element.ancestors().map(Step::of_element).collect();
        steps.reverse();
        Self { steps, terminal: Terminal::Element, default_namespace: default_namespace.into() }
    }

    /// The selector of a child of what this one chooses.
    #[must_use]
    pub fn child(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The selector of an attribute of what this one chooses.
    #[must_use]
    pub fn attribute(mut self, name: ExpandedName) -> Self {
        self.terminal = Terminal::Attribute(name);
        self
    }

    /// The selector of the element that its first steps choose; none for no step.
    pub fn of_first(&self, steps: usize) -> Option<Self> {
        let steps = self.steps.get(..steps).filter(|steps| !steps.is_empty())?.to_vec();
        Some(Self {
            steps,
            terminal: Terminal::Element,
            default_namespace: Arc::clone(&self.default_namespace),
        })
    }
}

impl Step {
    /// By name alone.
    pub fn named(name: ExpandedName) -> Self {
        Self { name: Some(name), position: None, attribute: None }
    }

    fn of_element(element: xml::Element<'_>) -> Self {
        let mut before = 0;
        let mut beside = 0;
        for sibling in element.node().parent().into_iter().flat_map(xml::Node::elements) {
            if sibling.name() == element.name() {
                beside += 1;
                before += usize::from(sibling.node().index() < element.node().index());
            }
        }
        let position = (beside > 1).then_some(before + 1);
        Self { name: Some(ExpandedName::of(element.name())), position, attribute: None }
    }

    /// Reads a decoded step: a name or `*`, then a position or not, then an attribute test or not. None if it is of
    /// another form.
    fn read(text: &str, bindings: &Bindings, default_namespace: &Arc<str>) -> Result<Option<Self>, UriError> {
        let (name, predicates) = text.split_at(text.find('[').unwrap_or(text.len()));
        let name = match name {
            "*" => None,
            _ => match ExpandedName::read(name, bindings, default_namespace)? {
                Some(name) => Some(name),
                None => return Ok(None),
            },
        };
        let (position, rest) = position(predicates);
        let mut step = Self { name, position, attribute: None };
        if !rest.is_empty() {
            step.attribute = AttributeTest::read(rest, bindings)?;
            if step.attribute.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(step))
    }
}

/// Takes `[digits]` off the front, if that is there. A number beyond all counts is beyond all elements too.
fn position(predicates: &str) -> (Option<usize>, &str) {
    let inner = predicates.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match inner {
        Some((digits, rest)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Some(digits.parse().unwrap_or(usize::MAX)), rest)
        }
        _ => (None, predicates),
    }
}

impl AttributeTest {
    /// Reads `[@name="value"]`, and nothing after it. The value is an `AttValue` of XML, with its references.
    fn read(predicate: &str, bindings: &Bindings) -> Result<Option<Self>, UriError> {
        let inner = predicate.strip_prefix("[@").and_then(|rest| rest.strip_suffix(']'));
        let Some((name, value)) = inner.and_then(|inner| inner.split_once('=')) else { return Ok(None) };
        let Ok(value) = xml::Value::quoted(value) else { return Ok(None) };
        let name = ExpandedName::read(name, bindings, &"".into())?;
        Ok(name.map(|name| Self { name, value: value.text().into_owned() }))
    }
}

impl Terminal {
    /// Reads `@name` or `namespace::*`; none if it is neither.
    fn read(text: &str, bindings: &Bindings) -> Result<Option<Self>, UriError> {
        if text == "namespace::*" {
            return Ok(Some(Self::Namespaces));
        }
        let Some(name) = text.strip_prefix('@') else { return Ok(None) };
        Ok(ExpandedName::read(name, bindings, &"".into())?.map(Self::Attribute))
    }
}
