//! The kinds of values that the file knows: how each is read, and how it is written back.

mod address;
mod peer;
mod secret;
mod usage;
mod web;
mod xdms;

use core::time::Duration;
use std::collections::BTreeMap;

use toml::de::DeValue;

pub use address::{AdminListen, Listen, Network};
pub use peer::Peer;
pub use secret::Secret;
pub use usage::DeclaredUsage;
pub use web::WebListen;
pub use xdms::{Hop, RemoteServer};

use super::nearest::nearest;

/// A kind of value. `read(print(x)) == x` for all that `read` gives.
pub trait Setting: Sized {
    /// Reads what the file says; the message says what was expected, and is the end of a sentence.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
    /// Writes it as the file would.
    fn print(&self) -> String;
}

fn expected<T>(what: &str, value: &DeValue<'_>) -> Result<T, String> {
    Err(format!("expected {what}, found {}", kind(value)))
}

/// What a value is, in the words of the file format.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn text<'v>(what: &str, value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().map_or_else(|| expected(what, value), Ok)
}

/// A string as the file writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl Setting for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_bool().map_or_else(|| expected("true or false", value), Ok)
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole_numbers {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            fn read(value: &DeValue<'_>) -> Result<Self, String> {
                let Some(number) = value.as_integer() else {
                    return expected("a whole number", value);
                };
                Self::from_str_radix(number.as_str(), number.radix())
                    .map_err(|_| format!("expected a whole number from 0 to {}, found {number}", Self::MAX))
            }

            fn print(&self) -> String {
                self.to_string()
            }
        }
    )+};
}
whole_numbers!(u16, u32, usize);

impl Setting for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        text("a string", value).map(str::to_owned)
    }

    fn print(&self) -> String {
        quoted(self)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let Some(list) = value.as_array() else {
            // One alone needs no brackets: this is what `--set listen=udp:127.0.0.1:5062` writes.
            return T::read(value).map(|one| vec![one]);
        };
        list.iter().map(|element| T::read(element.get_ref())).collect()
    }

    fn print(&self) -> String {
        format!("[{}]", self.iter().map(Setting::print).collect::<Vec<_>>().join(", "))
    }
}

/// Values by names that the operator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T>(pub BTreeMap<String, T>);

impl<T: Setting> Setting for Named<T> {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let Some(table) = value.as_table() else {
            return expected("a table such as { name = .. }", value);
        };
        let mut all = BTreeMap::new();
        for (name, value) in table.iter() {
            let name = name.get_ref().as_ref();
            let read = T::read(value.get_ref()).map_err(|why| format!("{}: {why}", quoted(name)))?;
            all.insert(name.to_owned(), read);
        }
        Ok(Self(all))
    }

    fn print(&self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let entry = |(name, value): (&String, &T)| format!("{} = {}", quoted(name), value.print());
        format!("{{ {} }}", self.0.iter().map(entry).collect::<Vec<_>>().join(", "))
    }
}

/// A length of time, written with its unit: `"50ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`, `"1h30m"`.
impl Setting for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str =
            "a length of time with its unit, such as \"50ms\", \"30s\", \"5m\", \"2h\" or \"7d\"";
        let text = text(WHAT, value)?;
        parse_duration(text).ok_or_else(|| format!("expected {WHAT}, found {}", quoted(text)))
    }

    fn print(&self) -> String {
        quoted(&format_duration(*self))
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `1h30m` and the like; `None` if it is not that.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = after;
    }
    Some(Duration::from_millis(millis))
}

/// Writes a length of time in the largest units that leave nothing over: `1h30m`, `50ms`, `0s`.
pub fn format_duration(span: Duration) -> String {
    let mut millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, factor) in UNITS {
        if millis >= factor {
            out.push_str(&format!("{}{unit}", millis / factor));
            millis %= factor;
        }
    }
    out
}

/// An amount of octets: a whole number, or a string with a unit such as `"64KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Octets(pub usize);

const BINARY: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Setting for Octets {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "an amount of octets such as 65536, \"64KiB\" or \"16MiB\"";
        if value.is_integer() {
            return usize::read(value).map(Self);
        }
        let text = text(WHAT, value)?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = BINARY.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
        let octets =
            number.parse::<usize>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        octets.map(Self).ok_or_else(|| format!("expected {WHAT}, found {}", quoted(text)))
    }

    fn print(&self) -> String {
        let (unit, factor) = BINARY
            .iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor))
            .expect("the last unit divides all");
        if *factor == 1 || self.0 == 0 {
            self.0.to_string()
        } else {
            quoted(&format!("{}{unit}", self.0 / factor))
        }
    }
}

/// Reads one of a few words, naming the nearest when it is none of them.
pub(super) fn word<T: Copy>(words: &[(&'static str, T)], value: &DeValue<'_>) -> Result<T, String> {
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    let one_of = format!("one of {}", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
    let text = text(&one_of, value)?;
    if let Some((_, meaning)) = words.iter().find(|(name, _)| *name == text) {
        return Ok(*meaning);
    }
    let hint =
        nearest(text, names).map(|name| format!("; did you mean {}?", quoted(name))).unwrap_or_default();
    Err(format!("expected {one_of}, found {}{hint}", quoted(text)))
}

/// Declares settings that are one of a few words.
macro_rules! words {
    ($($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ })+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// As the file writes it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::config::values::Setting for $name {
            fn read(value: &toml::de::DeValue<'_>) -> Result<Self, String> {
                $crate::config::values::word(&[$(($word, Self::$variant)),+], value)
            }

            fn print(&self) -> String {
                $crate::config::values::quoted(self.word())
            }
        }
    )+};
}
pub(super) use words;
