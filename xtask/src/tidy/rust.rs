//! What a Rust file must open with, and what it may not say or do where it lies.

use super::drawing::{self, Storey};
use super::strip::{self, Split};
use super::{Finding, words};

const LONG: usize = 600;
const TOO_LONG: usize = 900;

/// Checks one Rust file.
pub(crate) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    shape(path, text, findings);
    let split = strip::split(text);
    comments(path, &split, findings);
    let tests = test_lines(path, &split.code);
    habits(path, &split.code, &tests, findings);
    let storey = drawing::storey(path);
    let is_source = path.contains("/src/");
    if is_source && matches!(storey, Some(Storey::Format | Storey::Machine)) {
        worldly(path, &split.code, &tests, findings);
    }
}

fn shape(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let opens = text.lines().next().and_then(|first| first.strip_prefix("//!"));
    if opens.is_none_or(|line| line.trim().is_empty()) {
        findings.push(Finding::error(path, 1, "the first line is to say, after `//!`, what the file holds"));
    }
    let length = text.lines().count();
    if length > TOO_LONG {
        findings.push(Finding::error(path, 0, format!("{length} lines: more than {TOO_LONG} are two files")));
    } else if length > LONG {
        findings.push(Finding::warning(path, 0, format!("{length} lines: does it read in one sitting?")));
    }
    let is_root = path.ends_with("/src/lib.rs") && path.starts_with("crates/");
    if is_root && path != "crates/transport/src/lib.rs" && !text.contains("#![forbid(unsafe_code)]") {
        findings.push(Finding::error(
            path,
            1,
            "`#![forbid(unsafe_code)]` is missing; `transport` alone has unsafe code",
        ));
    }
}

fn comments(path: &str, split: &Split, findings: &mut Vec<Finding>) {
    // In pieces, so that this file passes its own check.
    let strays = [concat!("TO", "DO"), concat!("X", "XX"), concat!("HA", "CK")];
    for (index, line) in split.comments.iter().enumerate() {
        if let Some(stray) = strays.iter().find(|stray| words::has_word(line, stray)) {
            findings.push(Finding::error(path, index + 1, format!("a stray {stray}")));
        }
        if let Some(what) = words::odd_citation(line) {
            findings.push(Finding::error(path, index + 1, what));
        }
    }
}

fn habits(path: &str, code: &[String], tests: &[bool], findings: &mut Vec<Finding>) {
    for (index, line) in code.iter().enumerate() {
        let dense: String = line.split_whitespace().collect();
        if dense.contains("#[ignore") || dense.contains(",ignore)]") {
            findings.push(Finding::error(path, index + 1, "an ignored test: assert today's answer instead"));
        }
        if tests[index] && (dense.contains("thread::sleep(") || dense.contains("time::sleep(")) {
            findings.push(Finding::error(path, index + 1, "a test that sleeps: wait for the event itself"));
        }
    }
}

/// Marks the lines that only a test build sees.
fn test_lines(path: &str, code: &[String]) -> Vec<bool> {
    let whole = path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut marks = vec![whole; code.len()];
    let mut depth = 0_u32; // of braces inside the marked item
    let mut state = Marking::Outside;
    for (index, line) in code.iter().enumerate() {
        if state == Marking::Outside && line.trim_start().starts_with("#[cfg(test)]") {
            state = Marking::Waiting;
        }
        if state == Marking::Outside {
            continue;
        }
        marks[index] = true;
        for letter in line.chars() {
            match letter {
                '{' => {
                    state = Marking::Inside;
                    depth += 1;
                }
                '}' => depth = depth.saturating_sub(1),
                ';' if state == Marking::Waiting => state = Marking::Outside, // `mod tests;`, `use ..;`
                _ => {}
            }
        }
        if state == Marking::Inside && depth == 0 {
            state = Marking::Outside;
        }
    }
    marks
}

#[derive(PartialEq)]
enum Marking {
    Outside,
    Waiting,
    Inside,
}

fn worldly(path: &str, code: &[String], tests: &[bool], findings: &mut Vec<Finding>) {
    for (line, used) in paths(code) {
        if tests[line] {
            continue;
        }
        if let Some(what) = forbidden(&used) {
            let what = format!("`{}`: a format or a machine has no {what}", used.join("::"));
            findings.push(Finding::error(path, line + 1, what));
        }
    }
}

/// What of the world a path names; none if it is harmless.
fn forbidden(path: &[String]) -> Option<&'static str> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let harmless = |name: &str| {
        matches!(
            name,
            "IpAddr"
                | "Ipv4Addr"
                | "Ipv6Addr"
                | "SocketAddr"
                | "SocketAddrV4"
                | "SocketAddrV6"
                | "AddrParseError"
                | "self"
        )
    };
    match parts.as_slice() {
        ["async" | "await"] => Some("tasks"),
        ["std", "fs", ..] => Some("disk"),
        ["std", "thread", ..] => Some("threads"),
        ["std", "process" | "env", ..] => Some("environment"),
        ["std", "os", ..] | ["std", "net"] => Some("sockets"),
        ["std", "net", name, ..] if !harmless(name) => Some("sockets"),
        ["std", "time"] => Some("clock"),
        ["std", "time", "Instant" | "SystemTime" | "UNIX_EPOCH" | "*", ..] => Some("clock"),
        ["Instant" | "SystemTime", "now", ..] => Some("clock"),
        ["std", "sync", "Mutex" | "RwLock" | "Condvar" | "mpsc", ..] => Some("locks or channels"),
        ["tokio" | "mio" | "socket2" | "libc" | "nix" | "rustix", _, ..] => Some("sockets or tasks"),
        _ => None,
    }
}

/// Every path in the code with its line (from 0): `a::b::c`, each leaf of a `use a::{b, c::d}`, and single keywords.
fn paths(code: &[String]) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut prefixes: Vec<Vec<String>> = Vec::new(); // one for each open `::{`
    let mut braces: Vec<bool> = Vec::new(); // whether each open brace belongs to a use tree
    let mut at = 0;
    while at < tokens.len() {
        let (line, token) = &tokens[at];
        match token.as_str() {
            "{" => braces.push(false),
            "}" if braces.pop() == Some(true) => drop(prefixes.pop()),
            word if is_word(word) => {
                let mut path = prefixes.last().cloned().unwrap_or_default();
                path.push(word.to_owned());
                while tokens.get(at + 1).is_some_and(|(_, token)| token == "::") {
                    match tokens.get(at + 2).map(|(_, token)| token.as_str()) {
                        Some(next) if is_word(next) || next == "*" => {
                            path.push(next.to_owned());
                            at += 2;
                        }
                        Some("{") => {
                            prefixes.push(path.clone());
                            braces.push(true);
                            path.clear();
                            at += 2;
                            break;
                        }
                        _ => break,
                    }
                }
                if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                    path.pop();
                }
                if !path.is_empty() {
                    found.push((*line, path));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

fn tokens(code: &[String]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (line, text) in code.iter().enumerate() {
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(rest) {
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                found.push((line, rest[..length].to_owned()));
            }
            rest = &rest[length..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(path, text, &mut found);
        found.iter().map(|finding| finding.what.clone()).collect()
    }

    const MACHINE: &str = "crates/presence/src/publication.rs";

    #[test]
    fn a_tidy_machine_passes() {
        let text = "//! Publications.\nuse core::time::Duration;\nuse std::net::{IpAddr, SocketAddr};\n\
                    use std::collections::BTreeMap;\n/// RFC 3903 §6.\nfn publish() { let instant = 1; }\n";
        assert_eq!(findings(MACHINE, text), [""; 0]);
    }

    #[test]
    fn the_first_line_says_what_the_file_holds() {
        assert_eq!(findings(MACHINE, "use core::fmt;\n").len(), 1);
        assert_eq!(findings(MACHINE, "//!\nuse core::fmt;\n").len(), 1);
    }

    #[test]
    fn a_machine_has_no_world_in_it() {
        for line in [
            "use std::net::UdpSocket;",
            "use std::net::{SocketAddr, TcpStream};",
            "use std::{collections::BTreeMap, fs};",
            "use std::{net::{IpAddr, TcpListener}, fmt};",
            "use std::fs::File;",
            "use std::thread;",
            "use std::time::Instant;",
            "use std::time::{self, Duration};",
            "fn now() { let t = std::time::SystemTime::now(); }",
            "fn now() { let t = Instant::now(); }",
            "async fn wait() {}",
            "use tokio::sync::mpsc;",
            "use std::sync::Mutex;",
            "fn f() { std::thread::spawn(|| ()); }",
        ] {
            assert_eq!(findings(MACHINE, &format!("//! A file.\n{line}\n")).len(), 1, "{line}");
        }
    }

    #[test]
    fn the_shell_may_and_words_in_text_are_no_code() {
        let text = "//! A file.\nuse std::net::UdpSocket;\nasync fn wait() {}\n";
        assert_eq!(findings("crates/transport/src/udp.rs", text), [""; 0]);
        let text = "//! No std::fs here, nothing async.\nconst WHY: &str = \"std::thread::sleep\";\n";
        assert_eq!(findings(MACHINE, text), [""; 0]);
    }

    #[test]
    fn tests_of_a_machine_may_read_files() {
        let text =
            "//! A file.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn b() { {} }\n}\n";
        assert_eq!(findings(MACHINE, text), [""; 0]);
        let after = format!("{text}use std::fs;\n");
        assert_eq!(findings(MACHINE, &after).len(), 1, "what follows the tests is code again");
        assert_eq!(findings("crates/sip/tests/torture.rs", "//! A file.\nuse std::fs;\n"), [""; 0]);
    }

    #[test]
    fn a_test_module_in_its_own_file_marks_nothing_else() {
        let text = "//! A file.\n#[cfg(test)]\nmod tests;\nuse std::fs;\n";
        assert_eq!(findings(MACHINE, text).len(), 1);
    }

    #[test]
    fn strays_and_ignored_tests_are_found() {
        for line in [
            concat!("// TO", "DO: later"),
            concat!("/* X", "XX */"),
            concat!("fn f() {} // HA", "CK"),
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[cfg_attr(miri, ignore)]",
        ] {
            assert_eq!(
                findings("crates/server/src/pump.rs", &format!("//! A file.\n{line}\n")).len(),
                1,
                "{line}"
            );
        }
    }

    #[test]
    fn no_test_sleeps_but_the_shell_may() {
        let line = "fn f() { std::thread::sleep(D); }";
        assert_eq!(findings("crates/server/tests/serve.rs", &format!("//! A file.\n{line}\n")).len(), 1);
        assert_eq!(findings("crates/server/src/pump.rs", &format!("//! A file.\n{line}\n")), [""; 0]);
        let text = format!("//! A file.\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n");
        assert_eq!(findings("crates/server/src/pump.rs", &text).len(), 1);
    }

    #[test]
    fn citations_in_comments_are_read() {
        assert_eq!(findings(MACHINE, "//! RFC3903.\n").len(), 1);
    }

    #[test]
    fn a_file_over_the_limit_is_an_error_and_a_long_one_a_warning() {
        let mut found = Vec::new();
        check(MACHINE, &format!("//! A file.\n{}", "\n".repeat(LONG + 1)), &mut found);
        assert!(found.len() == 1 && found[0].warning);
        found.clear();
        check(MACHINE, &format!("//! A file.\n{}", "\n".repeat(TOO_LONG + 1)), &mut found);
        assert!(found.len() == 1 && !found[0].warning);
    }

    #[test]
    fn a_library_forbids_unsafe_code() {
        assert_eq!(findings("crates/sip/src/lib.rs", "//! Messages.\n").len(), 1);
        assert_eq!(findings("crates/sip/src/lib.rs", "//! Messages.\n#![forbid(unsafe_code)]\n"), [""; 0]);
        assert_eq!(findings("crates/transport/src/lib.rs", "//! Ends.\n"), [""; 0]);
    }
}
