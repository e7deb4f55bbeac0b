//! Node selectors: writing them into a URI, RFC 4825 §6.3 and §6.4.

use crate::name::ExpandedName;
use crate::percent;
use crate::pointer;
use crate::selector::{NodeSelector, Step, Terminal};

impl NodeSelector {
    /// The selector as it stands in a URI after the separator: percent-encoded, with a query that binds the prefixes
    /// if it needs any. [`NodeSelector::parse`] with the same default namespace gives it back.
    pub fn to_uri(&self) -> String {
        let mut names = Prefixes { default_namespace: &self.default_namespace, bound: Vec::new() };
        let mut uri = String::new();
        for step in &self.steps {
            if !uri.is_empty() {
                uri.push('/');
            }
            percent::push_segment(&mut uri, &names.step(step));
        }
        match &self.terminal {
            Terminal::Element => {}
            Terminal::Attribute(name) => {
                uri.push('/');
                percent::push_segment(&mut uri, &format!("@{}", names.attribute(name)));
            }
            Terminal::Namespaces => uri.push_str("/namespace::*"),
        }
        if !names.bound.is_empty() {
            uri.push('?');
        }
        for (prefix, namespace) in &names.bound {
            pointer::push_binding(&mut uri, prefix, namespace);
        }
        uri
    }
}

/// The prefixes that were needed so far.
struct Prefixes<'a> {
    default_namespace: &'a str,
    bound: Vec<(String, &'a str)>,
}

impl<'a> Prefixes<'a> {
    fn step(&mut self, step: &'a Step) -> String {
        let mut text = match &step.name {
            Some(name) => self.element(name),
            None => "*".to_owned(),
        };
        if let Some(position) = step.position {
            text.push_str(&format!("[{position}]"));
        }
        if let Some(test) = &step.attribute {
            let mut value = Vec::new();
            xml::push_attribute(&mut value, &test.value);
            let value = String::from_utf8_lossy(&value);
            text.push_str(&format!("[@{}=\"{value}\"]", self.attribute(&test.name)));
        }
        text
    }

    fn element(&mut self, name: &'a ExpandedName) -> String {
        if *name.namespace == *self.default_namespace { name.local.to_string() } else { self.prefixed(name) }
    }

    fn attribute(&mut self, name: &'a ExpandedName) -> String {
        if name.namespace.is_empty() { name.local.to_string() } else { self.prefixed(name) }
    }

    fn prefixed(&mut self, name: &'a ExpandedName) -> String {
        if *name.namespace == *xml::XML_NAMESPACE {
            return format!("xml:{}", name.local);
        }
        if let Some((prefix, _)) = self.bound.iter().find(|(_, namespace)| **namespace == *name.namespace) {
            return format!("{prefix}:{}", name.local);
        }
        let is_free = |prefix: &str| self.bound.iter().all(|(bound, _)| bound != prefix);
        let prefix = if xml::is_name(&name.prefix)
            && !matches!(&*name.prefix, "xml" | "xmlns")
            && is_free(&name.prefix)
        {
            name.prefix.to_string()
        } else {
            let mut numbered = (0..).map(|number: usize| format!("n{number}"));
            numbered.find(|prefix| is_free(prefix)).expect("not all numbers are taken")
        };
        let text = format!("{prefix}:{}", name.local);
        self.bound.push((prefix, &name.namespace));
        text
    }
}
