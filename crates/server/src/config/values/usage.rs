//! An application usage that the operator declares.

use toml::de::DeValue;

use super::{Setting, expected, quoted, text};

/// What a declared application usage is made of, RFC 4825 §5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredUsage {
    /// Default document namespace, RFC 4825 §5.2.
    pub namespace: String,
    /// MIME type, RFC 4825 §5.4.
    pub mime: String,
    /// The file of its XML schema, RFC 4825 §5.3; none: only the namespace of the root is checked.
    pub schema: Option<String>,
}

impl Setting for DeclaredUsage {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "{ namespace = \"..\", mime = \"..\", schema = \"..\" }";
        let Some(table) = value.as_table() else { return expected(WHAT, value) };
        let (mut namespace, mut mime, mut schema) = (None, None, None);
        for (key, value) in table.iter() {
            let slot = match key.get_ref().as_ref() {
                "namespace" => &mut namespace,
                "mime" => &mut mime,
                "schema" => &mut schema,
                other => {
                    return Err(format!(
                        "unknown key {}; known are namespace, mime and schema",
                        quoted(other)
                    ));
                }
            };
            *slot = Some(text("a string", value.get_ref())?.to_owned());
        }
        let missing = |key: &str| format!("{key} is missing; expected {WHAT}");
        let (namespace, mime) =
            (namespace.ok_or_else(|| missing("namespace"))?, mime.ok_or_else(|| missing("mime"))?);
        if !mime.contains('/') {
            return Err(format!("{} is no MIME type", quoted(&mime)));
        }
        Ok(Self { namespace, mime, schema })
    }

    fn print(&self) -> String {
        let schema = self.schema.as_ref().map(|file| format!(", schema = {}", quoted(file)));
        format!(
            "{{ namespace = {}, mime = {}{} }}",
            quoted(&self.namespace),
            quoted(&self.mime),
            schema.unwrap_or_default()
        )
    }
}
