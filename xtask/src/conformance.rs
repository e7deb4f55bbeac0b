//! `cargo xtask conformance`: the sections that the code cites and the tables of `docs/conformance/`, held together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{run, say};

/// Document and section: `RFC 3903`, `4.5`.
type Source = (String, String);

/// Prints how far each table is, and fails if a row names a file that is not there or an unknown state.
pub(crate) fn run() -> Result<(), String> {
    let root = run::root();
    let cited = cited(&root)?;
    let (mut rows, mut odd) = (Vec::new(), Vec::new());
    let folder = root.join("docs").join("conformance");
    let mut tables: Vec<_> = fs::read_dir(&folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| document(name).is_some())
        .collect();
    tables.sort();
    for name in &tables {
        let text = fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        rows.extend(read_table(name, &text, &mut odd));
    }
    for row in &rows {
        let gone = row.files.iter().filter(|file| !root.join(file).exists());
        odd.extend(gone.map(|file| format!("{}:{}: {file} is not there", row.table, row.line)));
    }
    let told: BTreeSet<Source> = rows.iter().flat_map(Row::sources).collect();
    let documents: BTreeSet<&String> = rows.iter().map(|row| &row.document).collect();
    for (source, places) in &cited {
        if documents.contains(&source.0) && !told.contains(source) {
            say::line(&format!("cited, in no table: {} §{} ({})", source.0, source.1, places[0]));
        }
    }
    for document in documents {
        let of =
            |state: &str| rows.iter().filter(|row| row.document == *document && row.state == state).count();
        let uncited = rows.iter().filter(|row| row.document == *document && row.state == "yes");
        let uncited = uncited.filter(|row| !row.sources().any(|source| cited.contains_key(&source))).count();
        say::line(&format!(
            "{document}: {} yes ({uncited} of them not cited), {} partial, {} no, {} not judged",
            of("yes"),
            of("partial"),
            of("no"),
            of("")
        ));
    }
    odd.iter().for_each(|line| say::line(line));
    if odd.is_empty() { Ok(()) } else { Err(format!("{} rows are odd", odd.len())) }
}

struct Row {
    table: String,
    line: usize,
    document: String,
    /// At least one.
    sections: Vec<String>,
    state: String,
    files: Vec<String>,
}

impl Row {
    fn sources(&self) -> impl Iterator<Item = Source> {
        self.sections.iter().map(|section| (self.document.clone(), section.clone()))
    }
}

/// `rfc3903.md` is about `RFC 3903`, `oma-prs.md` about `OMA PRS`.
fn document(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".md")?;
    if let Some(number) = stem.strip_prefix("rfc") {
        return number.parse::<u32>().is_ok().then(|| format!("RFC {number}"));
    }
    stem.strip_prefix("oma-").map(|word| format!("OMA {}", word.to_uppercase()))
}

/// The rows `| section | subject | state | where | shown by |`, of several sections if commas part them; paths are those
/// words with a slash, in backticks.
fn read_table(table: &str, text: &str, odd: &mut Vec<String>) -> Vec<Row> {
    let Some(document) = document(table) else { return Vec::new() };
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let sections: Vec<&str> = cells[0].split(", ").collect();
        if !line.starts_with('|') || !sections.iter().copied().all(is_section) {
            continue;
        }
        if cells.len() != 5 {
            odd.push(format!("{table}:{}: {} cells, not 5", index + 1, cells.len()));
            continue;
        }
        if !["yes", "partial", "no", ""].contains(&cells[2]) {
            odd.push(format!("{table}:{}: the state is yes, partial or no, not {:?}", index + 1, cells[2]));
        }
        let paths = cells[3..].iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
        rows.push(Row {
            table: table.to_owned(),
            line: index + 1,
            document: document.clone(),
            sections: sections.into_iter().map(str::to_owned).collect(),
            state: cells[2].to_owned(),
            files: paths
                .filter(|path| path.contains('/'))
                .map(|path| path.trim_end_matches('/').to_owned())
                .collect(),
        });
    }
    rows
}

/// Numbers with full stops between them; the first may be the letter of an appendix.
fn is_section(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (first, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_letter = matches!(first.as_bytes(), [letter] if letter.is_ascii_uppercase());
    (is_number(first) || is_letter) && rest.split('.').all(is_number)
}

/// Every section that Rust files, flows and cases cite, with the files that do.
fn cited(root: &Path) -> Result<BTreeMap<Source, Vec<String>>, String> {
    let list =
        run::output(Command::new("git").current_dir(root).args(["ls-files", "-co", "--exclude-standard"]))?;
    let mut found: BTreeMap<Source, Vec<String>> = BTreeMap::new();
    for path in list
        .lines()
        .filter(|path| path.ends_with(".rs") || path.contains("/flows/") || path.ends_with(".case"))
    {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        for source in citations(&text) {
            let places = found.entry(source).or_default();
            if places.last().is_none_or(|last| last != path) {
                places.push(path.to_owned());
            }
        }
    }
    Ok(found)
}

/// `RFC 3261 §8.1.1, §12.1.1` cites two sections; a full stop at the end belongs to the sentence.
fn citations(text: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut document = None;
    let words: Vec<&str> = text.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        let bare = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '§');
        let before = index.checked_sub(1).map_or("", |before| words[before].trim_start_matches(['(', '`']));
        if (before == "RFC" && bare.chars().all(|letter| letter.is_ascii_digit()) && !bare.is_empty())
            || (before == "OMA" && bare.chars().all(|letter| letter.is_ascii_uppercase()))
        {
            document = Some(format!("{before} {bare}"));
        } else if let Some(section) = bare.strip_prefix('§') {
            let is_number = section.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.');
            if is_number && let Some(document) = &document {
                found.push((document.clone(), section.to_owned()));
            }
        } else if bare != "and" && bare != "RFC" && bare != "OMA" {
            document = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(document: &str, section: &str) -> Source {
        (document.to_owned(), section.to_owned())
    }

    #[test]
    fn citations_are_found_with_their_document() {
        let text =
            "/// As RFC 3261 §8.1.1, §12.1.1 and RFC 6665 §4.1.2. See OMA PRS §5.2 (RFC 3903 §4.5) or §9.";
        let expected = [
            source("RFC 3261", "8.1.1"),
            source("RFC 3261", "12.1.1"),
            source("RFC 6665", "4.1.2"),
            source("OMA PRS", "5.2"),
            source("RFC 3903", "4.5"),
        ];
        assert_eq!(citations(text), expected);
    }

    #[test]
    fn a_table_is_read_and_odd_rows_are_named() {
        let text = "# T\n| § | a | b | c | d |\n|---|---|---|---|---|\n| 4.5 | Removing | yes | `crates/x/src/y.rs` | `crates/sim/flows/` |\n\
                    | A.1, 7 | Two | yes | | |\n| 5 | Odd | maybe | | |\n| 6 | Short | yes |\n";
        let mut odd = Vec::new();
        let rows = read_table("rfc3903.md", text, &mut odd);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].sources().collect::<Vec<_>>(), [source("RFC 3903", "4.5")]);
        assert_eq!(
            rows[1].sources().collect::<Vec<_>>(),
            [source("RFC 3903", "A.1"), source("RFC 3903", "7")]
        );
        assert_eq!(rows[0].files, ["crates/x/src/y.rs", "crates/sim/flows"]);
        assert_eq!(odd.len(), 2);
    }

    #[test]
    fn a_table_is_named_after_its_document() {
        assert_eq!(document("rfc3903.md").as_deref(), Some("RFC 3903"));
        assert_eq!(document("oma-prs.md").as_deref(), Some("OMA PRS"));
        assert_eq!(document("README.md"), None);
    }
}
