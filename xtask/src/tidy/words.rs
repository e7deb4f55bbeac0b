//! What no text of the repository may say: words of a workplace, paths of one machine, odd citations.

use super::Finding;

/// Checks any text file, line by line.
pub(crate) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    if path.ends_with(".lock") {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = workplace_word(line) {
            findings.push(Finding::error(path, index + 1, format!("{word:?} is not a word of this house")));
        }
        if let Some(folder) = machine_path(line) {
            findings.push(Finding::error(path, index + 1, format!("{folder:?} is a path of one machine")));
        }
        if path.ends_with(".md")
            && let Some(what) = odd_citation(line)
        {
            findings.push(Finding::error(path, index + 1, what));
        }
    }
}

// Written in pieces, so that this file passes its own check.
const WORKPLACE: &[&str] =
    &[concat!("sub", "agent"), concat!("sub-", "agent"), concat!("C", "EO"), concat!("helper ", "session")];
const FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

fn workplace_word(line: &str) -> Option<&'static str> {
    WORKPLACE
        .iter()
        .find(|word| {
            let text =
                if word.chars().any(char::is_uppercase) { line.to_owned() } else { line.to_lowercase() };
            has_word(&text, word)
        })
        .copied()
}

fn machine_path(line: &str) -> Option<&'static str> {
    FOLDERS
        .iter()
        .find(|folder| {
            line.match_indices(**folder).any(|(at, _)| {
                // `docs/work/` is a relative path, and `example.com/home/` part of a URL.
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-~}".contains(before))
            })
        })
        .copied()
}

/// Whether `word` stands in `text` with no letter or digit beside it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let joins =
            |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !joins(before) && !joins(after)
    })
}

/// Why a citation in this line is not of the form `RFC 3903 §4.5` or `OMA PRS §5.2`.
pub(crate) fn odd_citation(line: &str) -> Option<String> {
    for (at, _) in line.match_indices("RFC") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric()) {
            continue;
        }
        let after = &line[at + 3..];
        let digits = after.trim_start_matches([' ', '-', '_', '\u{a0}']);
        if !digits.starts_with(|letter: char| letter.is_ascii_digit()) {
            continue; // "the RFC", "RFCs"
        }
        let gap = &after[..after.len() - digits.len()];
        if gap != " " {
            return Some(format!("write `RFC 3903 §4.5`, one space, not {:?}", excerpt(&line[at..])));
        }
        let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
        if let Some(odd) = odd_section(rest) {
            return Some(format!("write `RFC 3903 §4.5`, not {:?}: {odd}", excerpt(&line[at..])));
        }
    }
    for (at, _) in line.match_indices("OMA PRS") {
        if let Some(odd) = odd_section(&line[at + 7..]) {
            return Some(format!("write `OMA PRS §5.2`, not {:?}: {odd}", excerpt(&line[at..])));
        }
    }
    None
}

/// What is wrong with the words right after a document's number.
fn odd_section(rest: &str) -> Option<&'static str> {
    let trimmed = rest.trim_start_matches([' ', ',', '(', ':', ';']);
    let lower = trimmed.get(..8).unwrap_or(trimmed).to_ascii_lowercase();
    if lower.starts_with("section") || lower.starts_with("sect.") || lower.starts_with("sec.") {
        return Some("the sign is §");
    }
    if let Some(number) = trimmed.strip_prefix('§') {
        if rest.get(..1) != Some(" ") || rest.len() - trimmed.len() != 1 {
            return Some("one space before §");
        }
        if number.starts_with('§') {
            return Some("one § for each section");
        }
        if number.starts_with(' ') {
            return Some("no space after §");
        }
    }
    None
}

fn excerpt(text: &str) -> String {
    text.chars().take(28).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_workplace_are_found_whole_and_in_any_case() {
        assert!(workplace_word(concat!("a Sub", "agent wrote it")).is_some());
        assert!(workplace_word(concat!("ask the C", "EO")).is_some());
        assert!(workplace_word(concat!("ALPHAC", "EOX")).is_none());
        assert!(workplace_word("the Session Initiation Protocol, a Diameter session").is_none());
    }

    #[test]
    fn paths_of_one_machine_are_found_and_relative_ones_are_not() {
        assert!(machine_path(concat!("see /wo", "rk/x")).is_some());
        assert!(machine_path(concat!("\"/ro", "ot/.cargo\"")).is_some());
        assert!(machine_path(concat!("docs/wo", "rk/x")).is_none());
        assert!(machine_path(concat!("sip.example.com/ho", "me/x")).is_none());
    }

    #[test]
    fn a_lock_file_is_left_alone() {
        let mut found = Vec::new();
        check("Cargo.lock", concat!("/ro", "ot/"), &mut found);
        assert!(found.is_empty());
    }

    #[test]
    fn good_citations_pass() {
        for line in [
            "RFC 3903 §4.5",
            "RFC 3261 §8.1.1, §12.1.1 and RFC 6665 §4.1.2",
            "RFC 3863",
            "as the RFC says, and other RFCs",
            "OMA PRS §5.2",
            "the rule of RFC 3856 (5 seconds)",
            "urn:ietf:rfc:3903",
        ] {
            assert_eq!(odd_citation(line), None, "{line}");
        }
    }

    #[test]
    fn odd_citations_do_not() {
        for line in [
            "RFC3903 §4.5",
            "RFC-3903",
            "RFC 3903 section 4.5",
            "RFC 3903, Section 4.5",
            "RFC 3903§4.5",
            "RFC 3903, §4.5",
            "RFC 3903 §§4-5",
            "RFC 3903 § 4.5",
            "OMA PRS section 5",
            "OMA PRS§5",
        ] {
            assert!(odd_citation(line).is_some(), "{line}");
        }
    }
}
