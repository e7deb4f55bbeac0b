//! The logs of all servers that the tests start, in this process and as processes of their own: every line is looked at, and
//! one at INFO or above that names somebody ends the tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use server::config::keys::{LogFormat, LogLevel};
use server::log;

/// Users of the tests of this crate, and their password.
const NAMES: [&str; 13] = [
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "eve",
    "frank",
    "mallory",
    "xanthippe",
    "yolanda",
    "zebedee",
    "quasimodo",
    "wonderland",
];

/// What was logged in this process.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<u8>>>);

impl Journal {
    /// The one of this process: from now on its servers write into it.
    pub(crate) fn begin() -> Self {
        static JOURNAL: OnceLock<Journal> = OnceLock::new();
        let begin = || {
            let journal = Self::default();
            let writer = journal.clone();
            log::start_into(LogFormat::Text, LogLevel::Info, move || writer.clone());
            journal
        };
        JOURNAL.get_or_init(begin).clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(name) = named(&String::from_utf8_lossy(bytes)) {
            // A panic here would end a thread of the server, and not always be seen.
            let _ = writeln!(io::stderr(), "the log names {name}: {}", String::from_utf8_lossy(bytes));
            std::process::abort();
        }
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whom or what a line names that it must not: a user, or any address.
pub(crate) fn named(line: &str) -> Option<&'static str> {
    let lower = line.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric());
    let is_named = |name: &str| words().any(|word| word == name);
    let addresses = ["@", "sip:", "sips:", "tel:", "pres:"];
    let address = addresses.into_iter().find(|sign| lower.contains(sign));
    NAMES.into_iter().find(|name| is_named(name)).or(address)
}

#[test]
fn a_line_that_names_somebody_is_noticed() {
    for line in ["a refusal user=alice", "INFO sip:x", "by bob@example.com", "Password=Wonderland"] {
        assert!(named(line).is_some(), "{line}");
    }
    assert_eq!(named("INFO serving listen=udp:127.0.0.1:5060 shards=2 bobbin=1"), None);
}
