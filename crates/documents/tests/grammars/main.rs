//! Every grammar on the examples of its standard, and on changes of them.

mod lists;
mod presence;
mod rules;
mod servers;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use xml::schema::{Grammar, check, check_tree};
use xml::{Limits, Tree};

/// An example with one text replaced, and how the refusal goes on after "expected"; nothing if it is still valid.
type Change = (&'static str, &'static str, &'static str, &'static str);

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it is an example")
}

fn verdict(document: &str, grammar: &'static Grammar) -> Result<(), String> {
    let limits = Limits::default();
    let verdict = check(document.as_bytes(), grammar, &limits).map_err(|refused| refused.to_string());
    if let Ok(tree) = Tree::read(document.as_bytes(), &limits) {
        let of_tree = check_tree(&tree, grammar).map_err(|refused| refused.to_string());
        assert_eq!(verdict, of_tree, "a tree is judged as its bytes are");
    }
    verdict
}

/// Checks all examples of a folder: valid, but for those that are named with what they lack.
fn check_examples(name: &str, grammar: &'static Grammar, faulty: &[(&str, &str)]) {
    let mut met = 0;
    for entry in fs::read_dir(folder(name)).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let file = path.file_name().and_then(OsStr::to_str).expect("names of examples are UTF-8");
        let outcome = verdict(&read(&path), grammar);
        match faulty.iter().find(|(faulty, _)| *faulty == file) {
            Some((_, expected)) => {
                let refused = outcome.expect_err(file);
                assert!(refused.contains(expected), "{file}: {refused}");
                met += 1;
            }
            None => assert_eq!(outcome, Ok(()), "{file}"),
        }
    }
    assert_eq!(met, faulty.len(), "all faulty files of {name} are there");
}

/// Checks what becomes of an example of a folder when it is changed.
fn check_changes(name: &str, grammar: &'static Grammar, changes: &[Change]) {
    let mut wrong = Vec::new();
    for (file, from, to, expected) in changes {
        let document = read(&folder(name).join(file));
        assert!(document.contains(from), "{file} has {from}");
        let outcome = verdict(&document.replacen(from, to, 1), grammar);
        let said = match &outcome {
            Ok(()) => "",
            Err(refused) => refused.split_once(": expected ").map_or(&**refused, |(_, said)| said),
        };
        if said.is_empty() != expected.is_empty() || !said.starts_with(expected) {
            wrong.push(format!("{file}: {from} -> {to}: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
