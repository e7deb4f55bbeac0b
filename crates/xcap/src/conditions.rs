//! If-Match and If-None-Match, RFC 4825 §7.11 and §8.2.6, RFC 9110 §13.

use crate::document::ETag;

/// What a request demands of the version of the document that it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The document must be at one of these.
    pub if_match: Option<Tags>,
    /// The document must be at none of these.
    pub if_none_match: Option<Tags>,
}

/// The value of such a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version at all.
    Any,
    /// A list of versions.
    Listed(Vec<Tag>),
}

/// An entity-tag as a client sends it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// `W/` stood before it: it names versions that are as good as each other.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: String,
}

/// What the conditions say about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They hold.
    Proceed,
    /// A GET of what the client has already: a 304.
    NotModified,
    /// They do not hold: a 412.
    Failed,
}

impl Conditions {
    /// Compares with the document as it is; `None` if there is none. `is_read` for GET and HEAD.
    ///
    /// All parts of a document share its version, so a PUT of an element with `If-None-Match: *` always fails. We only
    /// give strong tags, so a weak one never passes If-Match; for If-None-Match the mark does not count.
    pub fn check(&self, current: Option<&ETag>, is_read: bool) -> Verdict {
        if self.if_match.as_ref().is_some_and(|tags| !tags.contain(current, false)) {
            return Verdict::Failed;
        }
        match &self.if_none_match {
            Some(tags) if tags.contain(current, true) => {
                if is_read {
                    Verdict::NotModified
                } else {
                    Verdict::Failed
                }
            }
            _ => Verdict::Proceed,
        }
    }
}

impl Tags {
    /// Reads the value of a header field; lines of one name are to be joined by commas. None if it is malformed.
    pub fn parse(value: &str) -> Option<Self> {
        let mut rest = value.trim_matches([' ', '\t']);
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        while !rest.is_empty() {
            if let Some(more) = rest.strip_prefix(',') {
                rest = more.trim_start_matches([' ', '\t']);
                continue;
            }
            let unmarked = rest.strip_prefix("W/");
            let (opaque, more) = unmarked.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            if opaque.bytes().any(|byte| byte <= b' ' || byte == 0x7F) {
                return None;
            }
            tags.push(Tag { weak: unmarked.is_some(), opaque: opaque.to_owned() });
            rest = more.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
        (!tags.is_empty()).then_some(Self::Listed(tags))
    }

    fn contain(&self, current: Option<&ETag>, with_weak: bool) -> bool {
        let Some(current) = current else { return false };
        match self {
            Self::Any => true,
            Self::Listed(tags) => {
                tags.iter().any(|tag| (with_weak || !tag.weak) && *tag.opaque == *current.0)
            }
        }
    }
}

impl ETag {
    /// As it stands in a header field: `"abc"`.
    pub fn to_header(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        if_match: Option<&str>,
        if_none_match: Option<&str>,
        current: Option<&str>,
        is_read: bool,
    ) -> Verdict {
        let tags = |value: Option<&str>| value.map(|value| Tags::parse(value).expect(value));
        let conditions = Conditions { if_match: tags(if_match), if_none_match: tags(if_none_match) };
        conditions.check(current.map(|tag| ETag(tag.into())).as_ref(), is_read)
    }

    #[test]
    fn if_match_wants_a_version_that_is_there() {
        use Verdict::{Failed, Proceed};
        let cases = [
            (r#""a""#, Some("a"), Proceed),
            (r#""b", "a""#, Some("a"), Proceed),
            (r#""b""#, Some("a"), Failed),
            (r#"W/"a""#, Some("a"), Failed),
            ("*", Some("a"), Proceed),
            ("*", None, Failed),
            (r#""a""#, None, Failed),
        ];
        for (value, current, verdict) in cases {
            assert_eq!(check(Some(value), None, current, false), verdict, "{value}");
            assert_eq!(check(Some(value), None, current, true), verdict, "{value}");
        }
    }

    #[test]
    fn if_none_match_wants_another_version() {
        let cases = [
            (r#""a""#, Some("a"), true),
            (r#"W/"a""#, Some("a"), true),
            (r#""b",,"c""#, Some("a"), false),
            ("*", Some("a"), true),
            ("*", None, false),
            (r#""a""#, None, false),
        ];
        for (value, current, is_same) in cases {
            let read = if is_same { Verdict::NotModified } else { Verdict::Proceed };
            let write = if is_same { Verdict::Failed } else { Verdict::Proceed };
            assert_eq!(check(None, Some(value), current, true), read, "{value}");
            assert_eq!(check(None, Some(value), current, false), write, "{value}");
        }
    }

    #[test]
    fn without_conditions_all_is_well_and_both_must_hold() {
        assert_eq!(check(None, None, None, false), Verdict::Proceed);
        assert_eq!(check(Some("\"a\""), Some("\"b\""), Some("a"), false), Verdict::Proceed);
        assert_eq!(check(Some("\"a\""), Some("\"a\""), Some("a"), true), Verdict::NotModified);
        assert_eq!(check(Some("\"b\""), Some("\"b\""), Some("a"), true), Verdict::Failed);
    }

    #[test]
    fn malformed_values_are_told() {
        for value in
            ["", " ", ",", "a", "\"a", "\"a\" \"b\"", "*,\"a\"", "w/\"a\"", "\"a b\"", "W/a", "\"a\"x"]
        {
            assert_eq!(Tags::parse(value), None, "{value}");
        }
        assert_eq!(Tags::parse(" * "), Some(Tags::Any));
        let listed = Tags::Listed(vec![Tag { weak: true, opaque: String::new() }]);
        assert_eq!(Tags::parse(", W/\"\" ,"), Some(listed));
        assert_eq!(ETag("a".into()).to_header(), "\"a\"");
    }
}
