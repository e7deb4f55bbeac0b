//! Reading what came as JSON, with complaints that name the field.

use serde_json::{Map, Value};

/// Why a request of the JSON face is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The body is no JSON. 400.
    #[error("the body is no JSON: {0}")]
    NotJson(String),
    /// The body is no patch. 400.
    #[error("the body is no patch: {0}")]
    NotPatch(String),
    /// The patch does not fit the document. 422.
    #[error("the patch does not fit: {0}")]
    Patch(String),
    /// A field is not what it must be. 422.
    #[error("{field}: expected {expected}")]
    Field {
        /// Which.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// What is asked for is not there. 404.
    #[error("not there")]
    Absent,
    /// The document behind it cannot be edited by this face. 409.
    #[error("the document is not one that can be shown as JSON")]
    Unreadable,
    /// The face does not offer it. 405.
    #[error("that cannot be done with it")]
    NotOffered,
}

impl JsonError {
    /// The status that answers it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotJson(_) | Self::NotPatch(_) => 400,
            Self::Absent => 404,
            Self::NotOffered => 405,
            Self::Unreadable => 409,
            Self::Field { .. } | Self::Patch(_) => 422,
        }
    }
}

pub(super) fn wrong(field: impl Into<String>, expected: &'static str) -> JsonError {
    JsonError::Field { field: field.into(), expected }
}

pub(super) fn object<'v>(value: &'v Value, what: &str) -> Result<&'v Map<String, Value>, JsonError> {
    value.as_object().ok_or_else(|| wrong(what, "an object"))
}

/// An object with no other keys than these: a misspelled one would be silently without effect.
pub(super) fn strict<'v>(
    value: &'v Value,
    what: &str,
    known: &[&str],
) -> Result<&'v Map<String, Value>, JsonError> {
    let object = object(value, what)?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(wrong(format!("{what}.{key}"), "no such key")),
        None => Ok(object),
    }
}

/// The elements of a list; none if there is no such key.
pub(super) fn list<'v>(object: &'v Map<String, Value>, key: &str) -> Result<Option<&'v [Value]>, JsonError> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::Array(values)) => Ok(Some(values)),
        Some(_) => Err(wrong(key, "a list")),
    }
}

/// A text; none if there is no such key or it is null.
pub(super) fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Result<Option<&'v str>, JsonError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(key, "a text")),
    }
}

/// The texts of a list; none if there is no such key.
pub(super) fn texts(object: &Map<String, Value>, key: &str) -> Result<Option<Vec<String>>, JsonError> {
    let Some(values) = list(object, key)? else { return Ok(None) };
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(key, "a list of texts"));
    values.iter().map(text).collect::<Result<_, _>>().map(Some)
}
