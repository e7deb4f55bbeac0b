//! Printing and reading `application/xcap-error+xml`, RFC 4825 §11.

use xml::{Element, Limits, Tree};

use crate::conflict::{Alternative, Conflict, Description, Exists, NAMESPACE, OMA_NAMESPACE, Phrase};

impl Conflict {
    /// The report as a document. A character that XML cannot hold becomes U+FFFD.
    pub fn to_document(&self) -> String {
        let mut text = Vec::new();
        text.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-error");
        push_pair(&mut text, "xmlns", NAMESPACE);
        text.extend_from_slice(b"><");
        text.extend_from_slice(self.element().as_bytes());
        let mut content = Vec::new();
        match self {
            Self::NoParent { ancestor: Some(ancestor), .. } => {
                push_element(&mut content, "ancestor", &[], ancestor)
            }
            Self::UniquenessFailure { exists, .. } => {
                exists.iter().for_each(|exists| push_exists(&mut content, exists))
            }
            Self::LocalConstraintFailure { alternatives, descriptions, phrase } => {
                push_local(&mut content, alternatives, descriptions, phrase);
            }
            Self::NotWellFormed(_)
            | Self::NotXmlFragment(_)
            | Self::NoParent { ancestor: None, .. }
            | Self::SchemaValidationError(_)
            | Self::NotXmlAttValue(_)
            | Self::CannotInsert(_)
            | Self::CannotDelete(_)
            | Self::ConstraintFailure(_)
            | Self::NotUtf8(_) => {}
        }
        let is_extension = matches!(self, Self::LocalConstraintFailure { .. });
        if let Some(phrase) = self.phrase().filter(|_| !is_extension) {
            push_pair(&mut text, "phrase", phrase);
        }
        if content.is_empty() {
            text.extend_from_slice(b"/>");
        } else {
            text.push(b'>');
            text.extend_from_slice(&content);
            push_end(&mut text, self.element());
        }
        text.extend_from_slice(b"</xcap-error>\n");
        String::from_utf8(text).expect("it was put together from text")
    }

    /// Reads a report. None if it is no report or says nothing that is known here: then a 409 is just a 409, as
    /// RFC 4825 §11.1 demands for an extension that is not understood.
    pub fn read(document: &[u8], limits: &Limits) -> Option<Self> {
        let tree = Tree::read(document, limits).ok()?;
        let root = tree.root();
        let mut reasons = root.elements();
        let (Some(reason), None, true) = (reasons.next(), reasons.next(), root.is(NAMESPACE, "xcap-error"))
        else {
            return None;
        };
        if reason.name().namespace != *NAMESPACE {
            return None;
        }
        let phrase = phrase(reason);
        match reason.name().local {
            "not-well-formed" => Some(Self::NotWellFormed(phrase)),
            "not-xml-frag" => Some(Self::NotXmlFragment(phrase)),
            "no-parent" => {
                let ancestor = reason.child(NAMESPACE, "ancestor");
                Some(Self::NoParent { ancestor: ancestor.map(|found| text(found).trim().to_owned()), phrase })
            }
            "schema-validation-error" => Some(Self::SchemaValidationError(phrase)),
            "not-xml-att-value" => Some(Self::NotXmlAttValue(phrase)),
            "cannot-insert" => Some(Self::CannotInsert(phrase)),
            "cannot-delete" => Some(Self::CannotDelete(phrase)),
            "uniqueness-failure" => Some(Self::UniquenessFailure { exists: read_exists(reason)?, phrase }),
            "constraint-failure" => Some(Self::ConstraintFailure(phrase)),
            "extension" => read_local(reason.child(OMA_NAMESPACE, "local-constraint-failure")?),
            "not-utf-8" => Some(Self::NotUtf8(phrase)),
            _ => None,
        }
    }
}

fn read_exists(reason: Element<'_>) -> Option<Vec<Exists>> {
    let exists = reason.elements().filter(|child| child.is(NAMESPACE, "exists"));
    exists
        .map(|exists| {
            let alternatives = exists.elements().filter(|child| child.is(NAMESPACE, "alt-value")).map(text);
            Some(Exists { field: attribute(exists, "field")?, alternatives: alternatives.collect() })
        })
        .collect()
}

fn read_local(failure: Element<'_>) -> Option<Conflict> {
    let of = |local| failure.elements().filter(move |child| child.is(OMA_NAMESPACE, local));
    let alternatives = of("alt-value")
        .map(|child| Some(Alternative { field: attribute(child, "field")?, value: text(child) }));
    let language =
        |child: Element<'_>| child.attribute(xml::XML_NAMESPACE, "lang").map(|found| found.value.to_string());
    let descriptions =
        of("description").map(|child| Description { language: language(child), text: text(child) });
    Some(Conflict::LocalConstraintFailure {
        alternatives: alternatives.collect::<Option<_>>()?,
        descriptions: descriptions.collect(),
        phrase: phrase(failure),
    })
}

fn phrase(element: Element<'_>) -> Phrase {
    attribute(element, "phrase").map(Into::into)
}

fn attribute(element: Element<'_>, local: &str) -> Option<String> {
    element.attribute("", local).map(|found| found.value.to_string())
}

fn text(element: Element<'_>) -> String {
    element.node().string_value().into_owned()
}

fn push_exists(into: &mut Vec<u8>, exists: &Exists) {
    into.extend_from_slice(b"<exists");
    push_pair(into, "field", &exists.field);
    into.push(b'>');
    exists.alternatives.iter().for_each(|value| push_element(into, "alt-value", &[], value));
    push_end(into, "exists");
}

fn push_local(
    into: &mut Vec<u8>,
    alternatives: &[Alternative],
    descriptions: &[Description],
    phrase: &Phrase,
) {
    into.extend_from_slice(b"<local-constraint-failure");
    push_pair(into, "xmlns", OMA_NAMESPACE);
    if let Some(phrase) = phrase {
        push_pair(into, "phrase", phrase);
    }
    into.push(b'>');
    for Alternative { field, value } in alternatives {
        push_element(into, "alt-value", &[("field", field)], value);
    }
    for Description { language, text } in descriptions {
        let language = language.as_deref().map(|language| ("xml:lang", language));
        push_element(into, "description", language.as_slice(), text);
    }
    push_end(into, "local-constraint-failure");
}

fn push_element(into: &mut Vec<u8>, name: &str, attributes: &[(&str, &str)], text: &str) {
    into.push(b'<');
    into.extend_from_slice(name.as_bytes());
    attributes.iter().for_each(|(name, value)| push_pair(into, name, value));
    into.push(b'>');
    xml::push_text(into, text);
    push_end(into, name);
}

fn push_pair(into: &mut Vec<u8>, name: &str, value: &str) {
    into.push(b' ');
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b"=\"");
    xml::push_attribute(into, value);
    into.push(b'"');
}

fn push_end(into: &mut Vec<u8>, name: &str) {
    into.extend_from_slice(b"</");
    into.extend_from_slice(name.as_bytes());
    into.push(b'>');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Conflict> {
        let mut all = Vec::new();
        for phrase in [None, Some("say \"<&>\" it".into())] {
            let phrase: Phrase = phrase;
            let exists = |alternatives: &[&str]| Exists {
                field: "rls-services/service%5B2%5D/@uri".into(),
                alternatives: alternatives.iter().map(|&value| value.to_owned()).collect(),
            };
            all.extend([
                Conflict::NotWellFormed(phrase.clone()),
                Conflict::NotXmlFragment(phrase.clone()),
                Conflict::NoParent { ancestor: None, phrase: phrase.clone() },
                Conflict::NoParent { ancestor: Some("a/b?xmlns(p=urn:x)".into()), phrase: phrase.clone() },
                Conflict::SchemaValidationError(phrase.clone()),
                Conflict::NotXmlAttValue(phrase.clone()),
                Conflict::CannotInsert(phrase.clone()),
                Conflict::CannotDelete(phrase.clone()),
                Conflict::UniquenessFailure { exists: vec![exists(&[])], phrase: phrase.clone() },
                Conflict::UniquenessFailure {
                    exists: vec![exists(&["a<b", " c "]), exists(&["d"])],
                    phrase: phrase.clone(),
                },
                Conflict::ConstraintFailure(phrase.clone()),
                Conflict::LocalConstraintFailure {
                    alternatives: vec![],
                    descriptions: vec![],
                    phrase: phrase.clone(),
                },
                Conflict::LocalConstraintFailure {
                    alternatives: vec![Alternative { field: "max".into(), value: "200".into() }],
                    descriptions: vec![
                        Description { language: Some("en".into()), text: "Too many.".into() },
                        Description { language: None, text: "?".into() },
                    ],
                    phrase: phrase.clone(),
                },
                Conflict::NotUtf8(phrase),
            ]);
        }
        all
    }

    #[test]
    fn a_printed_report_reads_as_it_was() {
        for conflict in all() {
            let document = conflict.to_document();
            assert_eq!(Conflict::read(document.as_bytes(), &Limits::default()), Some(conflict), "{document}");
        }
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        let document = br#"<?xml version="1.0" encoding="UTF-8"?>
            <xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error">
             <uniqueness-failure>
              <exists field="rls-services/service/@uri">
                <alt-value>sip:mybuddies@example.com</alt-value>
              </exists>
             </uniqueness-failure>
            </xcap-error>"#;
        let exists = vec![Exists {
            field: "rls-services/service/@uri".into(),
            alternatives: vec!["sip:mybuddies@example.com".into()],
        }];
        let read = Conflict::read(document, &Limits::default());
        assert_eq!(read, Some(Conflict::UniquenessFailure { exists, phrase: None }));
    }

    #[test]
    fn what_is_not_understood_is_no_report() {
        let wrapped = |inner: &str| format!("<xcap-error xmlns=\"{NAMESPACE}\">{inner}</xcap-error>");
        for document in [
            String::new(),
            "<xcap-error><cannot-insert/></xcap-error>".to_owned(),
            wrapped(""),
            wrapped("<unknown/>"),
            wrapped("<cannot-insert xmlns='urn:x'/>"),
            wrapped("<extension><unknown xmlns='urn:x'/></extension>"),
            wrapped("<extension/>"),
            wrapped("<cannot-insert/><cannot-delete/>"),
            wrapped("<uniqueness-failure><exists/></uniqueness-failure>"),
        ] {
            assert_eq!(Conflict::read(document.as_bytes(), &Limits::default()), None, "{document}");
        }
    }
}
