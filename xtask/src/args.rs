//! Command-line words and `--name value` options, without a library: the chores have few.

use std::str::FromStr;

/// What is left of the command line. Every reader takes out what it knows; `finish` refuses the rest.
#[derive(Debug)]
pub(crate) struct Args(Vec<String>);

impl Args {
    /// The words after the program's name.
    pub(crate) fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes the first word that is not an option, if the line starts with one.
    pub(crate) fn word(&mut self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Takes everything that is left, in order: words for another program.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        core::mem::take(&mut self.0)
    }

    /// Takes `--name`; true if it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() != before
    }

    /// Takes `--name value` or `--name=value`; none if absent, an error if the value is missing or not a `T`.
    pub(crate) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(at) = self.0.iter().position(|word| {
            word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        }) else {
            return Ok(None);
        };
        let word = self.0.remove(at);
        let value = match word[name.len()..].strip_prefix('=') {
            Some(value) => value.to_owned(),
            None if at < self.0.len() => self.0.remove(at),
            None => return Err(format!("{name} wants a value")),
        };
        value.parse().map(Some).map_err(|_| format!("{name}: {value:?} is not understood"))
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(format!("{word:?} is not understood here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn both_spellings_of_an_option_are_read() {
        let mut args = args(&["--seeds", "7", "--minutes=2", "--plain"]);
        assert_eq!(args.option::<u64>("--seeds"), Ok(Some(7)));
        assert_eq!(args.option::<u64>("--minutes"), Ok(Some(2)));
        assert_eq!(args.option::<u64>("--port"), Ok(None));
        assert!(args.flag("--plain"));
        assert_eq!(args.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_took_is_refused() {
        assert!(args(&["--sedes", "7"]).finish().is_err());
    }

    #[test]
    fn a_missing_or_odd_value_is_refused() {
        assert!(args(&["--seeds"]).option::<u64>("--seeds").is_err());
        assert!(args(&["--seeds", "many"]).option::<u64>("--seeds").is_err());
    }
}
