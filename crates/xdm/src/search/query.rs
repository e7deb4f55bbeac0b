//! The part of XQuery that is understood: one `for` over all of a kind, a `where`, and a `return` of pieces of each.
//!
//! ```text
//! for $u in collection("org.openmobilealliance.user-profile/users/")/user-profiles/user-profile
//! where $u/hobbies/hobby="sailing" and (contains($u/display-name, "Nora") or $u/address/country="FI")
//! return <user-profile>{$u/@uri}{$u/display-name}</user-profile>
//!
//! for $g in collection("org.openmobilealliance.groups/users/")/group/list-service
//! where contains($g/display-name, "sail") return <list-service>{$g/@uri}{$g/display-name}</list-service>
//! ```

use super::BOUNDS;
use super::condition::{Comparison, Condition};
use crate::index::Collection;

/// A query that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// What is searched.
    pub(super) collection: Collection,
    /// Which of it.
    pub(super) condition: Condition,
    /// What of them, in order.
    pub(super) items: Vec<Item>,
}

/// A piece that is returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The attribute `uri`.
    Uri,
    /// The elements at a path below the profile or group.
    Element(String),
}

/// Why a query is not understood. The words go to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the query: expected {expected}")]
pub(super) struct Unknown {
    offset: usize,
    expected: &'static str,
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Unknown> {
        if text.len() > BOUNDS.bytes {
            return Err(Unknown { offset: BOUNDS.bytes, expected: "a shorter query" });
        }
        let mut reader = Reader { text, at: 0, variable: String::new(), comparisons: 0 };
        reader.word("for")?;
        reader.variable = reader.variable()?;
        reader.word("in")?;
        reader.word("collection")?;
        reader.sign("(")?;
        let start = reader.at;
        let path = reader.literal()?;
        let collection = Collection::ALL.into_iter().find(|known| known.path() == path.trim_end_matches('/'));
        let collection = collection
            .ok_or(Unknown { offset: start, expected: "the collection of user profiles, or of groups" })?;
        reader.sign(")")?;
        reader.sign(collection.steps())?;
        let condition = if reader.try_word("where") { reader.any(0)? } else { Condition::All(Vec::new()) };
        reader.word("return")?;
        let (begin, end) = match collection {
            Collection::Profiles => ("<user-profile>", "</user-profile>"),
            Collection::UserGroups | Collection::GlobalGroups => ("<list-service>", "</list-service>"),
        };
        reader.sign(begin)?;
        let mut items = Vec::new();
        while reader.try_sign("{") {
            if items.len() >= BOUNDS.items {
                return Err(reader.expected("fewer items"));
            }
            let path = reader.path()?;
            items.push(if path == "@uri" { Item::Uri } else { Item::Element(path) });
            reader.sign("}")?;
        }
        reader.sign(end)?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.expected("the end"));
        }
        Ok(Self { collection, condition, items })
    }
}

struct Reader<'q> {
    text: &'q str,
    at: usize,
    variable: String,
    comparisons: usize,
}

impl Reader<'_> {
    fn expected(&self, expected: &'static str) -> Unknown {
        Unknown { offset: self.at, expected }
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn try_sign(&mut self, sign: &str) -> bool {
        self.space();
        let is_there = self.text[self.at..].starts_with(sign);
        self.at += if is_there { sign.len() } else { 0 };
        is_there
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), Unknown> {
        if self.try_sign(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    fn try_word(&mut self, word: &str) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        let ends = rest.get(word.len()..).is_some_and(|rest| !rest.starts_with(is_name));
        let is_there = rest.starts_with(word) && ends;
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn word(&mut self, word: &'static str) -> Result<(), Unknown> {
        if self.try_word(word) { Ok(()) } else { Err(self.expected(word)) }
    }

    fn name(&mut self) -> Result<String, Unknown> {
        let rest = &self.text[self.at..];
        let length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.expected("a name"));
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }

    fn variable(&mut self) -> Result<String, Unknown> {
        self.sign("$")?;
        self.name()
    }

    /// `$u/hobbies/hobby` or `$u/@uri`, without the variable.
    fn path(&mut self) -> Result<String, Unknown> {
        let start = self.at;
        if self.variable()? != self.variable {
            return Err(Unknown { offset: start, expected: "the variable of the query" });
        }
        let mut path = String::new();
        while self.text[self.at..].starts_with('/') {
            self.at += 1;
            if self.text[self.at..].starts_with("@uri") && path.is_empty() {
                self.at += "@uri".len();
                return Ok("@uri".to_owned());
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&self.name()?);
        }
        if path.is_empty() { Err(self.expected("a path below it")) } else { Ok(path) }
    }

    /// A text in quotes of either kind; a doubled quote stands for itself.
    fn literal(&mut self) -> Result<String, Unknown> {
        self.space();
        let quote = self.text[self.at..].chars().next().filter(|&first| matches!(first, '"' | '\''));
        let quote = quote.ok_or(self.expected("a text in quotes"))?;
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find(quote).ok_or(self.expected("the end of a text in quotes"))?;
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.text[self.at..].starts_with(quote) {
                return Ok(text);
            }
            text.push(quote);
            self.at += 1;
        }
    }

    fn any(&mut self, depth: usize) -> Result<Condition, Unknown> {
        let first = self.all(depth)?;
        let mut conditions = vec![first];
        while self.try_word("or") {
            conditions.push(self.all(depth)?);
        }
        Ok(if conditions.len() == 1 { conditions.remove(0) } else { Condition::Any(conditions) })
    }

    fn all(&mut self, depth: usize) -> Result<Condition, Unknown> {
        let first = self.one(depth)?;
        let mut conditions = vec![first];
        while self.try_word("and") {
            conditions.push(self.one(depth)?);
        }
        Ok(if conditions.len() == 1 { conditions.remove(0) } else { Condition::All(conditions) })
    }

    fn one(&mut self, depth: usize) -> Result<Condition, Unknown> {
        if self.try_sign("(") {
            if depth >= BOUNDS.depth {
                return Err(self.expected("fewer parentheses"));
            }
            let inner = self.any(depth + 1)?;
            self.sign(")")?;
            return Ok(inner);
        }
        if self.comparisons >= BOUNDS.comparisons {
            return Err(self.expected("fewer comparisons"));
        }
        self.comparisons += 1;
        for (function, comparison) in
            [("contains", Comparison::Contains), ("starts-with", Comparison::StartsWith)]
        {
            if self.try_word(function) {
                self.sign("(")?;
                let path = self.path()?;
                self.sign(",")?;
                let wanted = self.literal()?;
                self.sign(")")?;
                return Ok(Condition::Compare(path, comparison, wanted));
            }
        }
        let path = self.path()?;
        self.sign("=")?;
        Ok(Condition::Compare(path, Comparison::Equals, self.literal()?))
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#"for $u in collection("org.openmobilealliance.user-profile/users/")/user-profiles/user-profile "#;

    fn parse(rest: &str) -> Result<Query, Unknown> {
        Query::parse(&format!("{HEAD}{rest}"))
    }

    fn equals(path: &str, text: &str) -> Condition {
        Condition::Compare(path.to_owned(), Comparison::Equals, text.to_owned())
    }

    #[test]
    fn and_binds_closer_than_or() {
        let query = parse(
            r#"where $u/a="1" or $u/b/c='2''3' and ($u/@uri="4" or $u/d="5") return <user-profile>{ $u/@uri }{$u/d}</user-profile> "#,
        );
        let inner = Condition::Any(vec![equals("@uri", "4"), equals("d", "5")]);
        let condition =
            Condition::Any(vec![equals("a", "1"), Condition::All(vec![equals("b/c", "2'3"), inner])]);
        let collection = Collection::Profiles;
        assert_eq!(
            query,
            Ok(Query { collection, condition, items: vec![Item::Uri, Item::Element("d".to_owned())] })
        );
    }

    #[test]
    fn what_is_not_understood_is_told_where() {
        let end = "return <user-profile/>";
        for (rest, expected) in [
            (end, "<user-profile>"),
            ("where $v/a=\"1\"", "the variable of the query"),
            ("where $u=\"1\"", "a path below it"),
            ("where $u/a=1", "a text in quotes"),
            ("where $u/a=\"1", "the end of a text in quotes"),
            ("order by $u/a", "return"),
            ("return <user-profile>{$u/a}</user-profile>x", "the end"),
        ] {
            assert_eq!(parse(rest).map_err(|error| error.expected), Err(expected), "{rest}");
        }
        let deep = format!("where {}", "(".repeat(100));
        assert_eq!(parse(&deep).map_err(|error| error.expected), Err("fewer parentheses"));
        let many = format!("where $u/a=\"1\"{} return", " or $u/a=\"1\"".repeat(100));
        assert_eq!(parse(&many).map_err(|error| error.expected), Err("fewer comparisons"));
        assert_eq!(parse(&" ".repeat(5000)).map_err(|error| error.expected), Err("a shorter query"));
    }
}
