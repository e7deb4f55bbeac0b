//! One table of the file as one struct: documentation, defaults and reading from the same lines.

use toml::de::DeValue;

/// What the file, the example and the reload need to know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// As written in the file.
    pub name: String,
    /// Its documentation, a line per element.
    pub about: Vec<String>,
    /// Its value as the file would write it.
    pub value: String,
    /// Whether a new value is taken at a reload; else at the next start.
    pub reloadable: bool,
}

/// A table of the file.
pub trait Table {
    /// As written between brackets; empty for the keys above all tables.
    fn name(&self) -> &'static str;
    /// Its documentation, a line per element.
    fn about(&self) -> Vec<String>;
    /// All keys with their present values, in the order of the example.
    fn keys(&self) -> Vec<Key>;
    /// Sets one key from what the file says. `None` if there is no such key; the message says what was expected.
    fn set(&mut self, key: &str, value: &DeValue<'_>) -> Option<Result<(), String>>;
}

/// The words of a documentation line as `stringify` hands them on.
pub(super) fn line(doc: &str) -> String {
    doc.strip_prefix(' ').unwrap_or(doc).to_owned()
}

/// A field's name as the file writes it.
pub(super) fn key_name(field: &str) -> String {
    field.replace('_', "-")
}

/// Declares tables. Each key: documentation, `name: type = default`, and whether a `reload` is enough or a `restart` is
/// needed.
macro_rules! tables {
    (@reloadable reload) => { true };
    (@reloadable restart) => { false };
    (@adopt reload $mine:expr, $theirs:expr) => { $mine.clone_from(&$theirs) };
    (@adopt restart $mine:expr, $theirs:expr) => {{
        let _ = (&$mine, &$theirs); // named, so that a table without reloadable keys still uses its argument
    }};
    ($(
        $(#[doc = $about:literal])+
        $table:ident [$name:literal] {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $when:ident;)+
        }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $table {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $table {
            /// Takes the reloadable values of `new`; the others stay.
            pub fn adopt(&mut self, new: &Self) {
                $(tables!(@adopt $when self.$field, new.$field);)+
            }
        }

        impl $crate::config::table::Table for $table {
            fn name(&self) -> &'static str {
                $name
            }

            fn about(&self) -> Vec<String> {
                vec![$($crate::config::table::line($about)),+]
            }

            fn keys(&self) -> Vec<$crate::config::table::Key> {
                vec![$($crate::config::table::Key {
                    name: $crate::config::table::key_name(stringify!($field)),
                    about: vec![$($crate::config::table::line($doc)),+],
                    value: $crate::config::values::Setting::print(&self.$field),
                    reloadable: tables!(@reloadable $when),
                }),+]
            }

            fn set(&mut self, key: &str, value: &toml::de::DeValue<'_>) -> Option<Result<(), String>> {
                $(if key == $crate::config::table::key_name(stringify!($field)) {
                    return Some($crate::config::values::Setting::read(value).map(|value| self.$field = value));
                })+
                None
            }
        }
    )+};
}
pub(super) use tables;
