//! Application usages that the operator declares, with their schemas.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use xdm::{Check, Declared};
use xsd_schema::validation::{
    CollectingValidationSink, SchemaValidator, SchemaValidity, ValidationFlags, drive_quick_xml,
};
use xsd_schema::{SchemaSet, SchemaSetBuilder};

use crate::config::keys::Xdm;

/// The library keeps every name that it meets in a document, for as long as it keeps the schema: after so many octets of
/// documents the schema is made anew.
const RENEW_AFTER: usize = 64 << 20;

/// An XML schema of the operator's. Documents are checked one at a time.
pub struct Schema {
    text: String,
    location: String,
    made: Mutex<Made>,
}

struct Made {
    schema: SchemaSet,
    /// Octets of the documents that were checked with it.
    checked: usize,
}

impl Schema {
    /// Reads a schema file and what it includes. The error is in words for the operator.
    pub fn read(path: &Path) -> Result<Self, String> {
        let location = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{location}: {error}"))?;
        let made = Mutex::new(make(&text, &location)?);
        Ok(Self { text, location, made })
    }
}

fn make(text: &str, location: &str) -> Result<Made, String> {
    let compiled = SchemaSetBuilder::new().add_source(text, location).and_then(SchemaSetBuilder::compile);
    let schema = compiled.map_err(|error| format!("{location}: {error}"))?.into_schema_set();
    Ok(Made { schema, checked: 0 })
}

impl Check for Schema {
    fn check(&self, document: &[u8]) -> Result<(), String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.checked > RENEW_AFTER {
            *made = make(&self.text, &self.location)?;
        }
        made.checked += document.len();
        let schema = &made.schema;
        let validator = SchemaValidator::new(schema, ValidationFlags::default());
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
        let mut runtime = validator.start_run(sink);
        let driven = drive_quick_xml(document, &mut runtime, schema);
        drop(runtime);
        match driven {
            Ok(outcome) if outcome.root_validity == Some(SchemaValidity::Valid) => Ok(()),
            Ok(_) => {
                let unknown = || "the schema does not know the root element".to_owned();
                Err(errors.first().map_or_else(unknown, ToString::to_string))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The declared usages. The error names the one that cannot be.
pub fn declared(xdm: &Xdm) -> Result<Vec<Declared>, String> {
    let mut all = Vec::new();
    for (auid, usage) in &xdm.usages.0 {
        let schema = match &usage.schema {
            Some(path) => {
                let read = Schema::read(Path::new(path)).map_err(|why| format!("usages: {auid}: {why}"))?;
                Some(Arc::new(read) as Arc<dyn Check>)
            }
            None => None,
        };
        all.push(Declared {
            auid: auid.as_str().into(),
            media_type: usage.mime.as_str().into(),
            namespace: usage.namespace.as_str().into(),
            schema,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:notes"
        elementFormDefault="qualified">
        <xs:element name="notes"><xs:complexType><xs:sequence>
        <xs:element name="note" type="xs:string" maxOccurs="3"/>
        </xs:sequence></xs:complexType></xs:element></xs:schema>"#;

    #[test]
    fn a_schema_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.xsd");
        std::fs::write(&path, NOTES).unwrap();
        let schema = Schema::read(&path).unwrap();
        assert_eq!(schema.check(b"<notes xmlns=\"urn:example:notes\"><note>a</note></notes>"), Ok(()));
        for wrong in [
            "<notes xmlns=\"urn:example:notes\"/>",
            "<notes xmlns=\"urn:example:notes\"><note/><other/></notes>",
            "<other xmlns=\"urn:example:notes\"/>",
            "<notes xmlns=\"urn:example:elsewhere\"/>",
        ] {
            assert!(schema.check(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schema_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.xsd");
        assert!(Schema::read(&path).is_err_and(|why| why.contains("broken.xsd")));
        std::fs::write(&path, "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element type=\"nothing\"/></xs:schema>")
            .unwrap();
        assert!(Schema::read(&path).is_err_and(|why| why.contains("broken.xsd")));
    }
}
